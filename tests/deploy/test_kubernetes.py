"""The manifests for Kubernetes: by their schema, by what they promise, and by what they refer to in each other."""

import re
import tomllib
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]  # it says nothing of its types
import pytest

from proxy import __version__
from proxy.config.units import duration
from tests.deploy import manifests
from tests.deploy.manifests import Found, Object

# The first with native sidecars and the sleeping preStop switched on, one between, and the newest that is known here.
VERSIONS = ("1.30", "1.33", "1.37")
USER = 65532
EACH = [pytest.param(workload, container, id=str(workload)) for workload, container in manifests.gateways()]

each_gateway = pytest.mark.parametrize(("workload", "container"), EACH)
each_workload = pytest.mark.parametrize("workload", manifests.workloads(), ids=str)


def test_what_is_there() -> None:
    """A sidecar, a job, a shared gateway with its Redis, and who may reach what; the kustomization names its files."""
    assert {str(workload) for workload, _ in manifests.gateways()} == {
        "gateway-Deployment",
        "job-Job",
        "sidecar-Deployment",
    }
    assert {each.file for each in manifests.objects("NetworkPolicy")} == {"networkpolicy", "sidecar"}
    resources = manifests.KUSTOMIZATION["resources"]
    assert resources == ["gateway.yaml", "redis.yaml", "networkpolicy.yaml"]
    assert {file.name for file in manifests.FILES} == {*resources, "sidecar.yaml", "job.yaml", "kustomization.yaml"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("found", manifests.objects(), ids=str)
def test_the_schema(found: Found, version: str) -> None:
    """Every key is one that this version of Kubernetes knows, with a value of its type."""
    kubernetes_validate.validate(found.body, version, strict=True)


def test_a_wrong_key_would_be_noticed() -> None:
    """The schemas are strict."""
    found = manifests.named("Deployment", "iam-proxy").body
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**found, "specs": {}}, VERSIONS[0], strict=True)


# --- what every pod promises
@each_workload
def test_the_restricted_profile(workload: Found) -> None:
    """Nothing in a pod is root, gains a right, writes on its image or has a token of the cluster."""
    spec = manifests.pod(workload)["spec"]
    whole = spec["securityContext"]
    assert (whole["runAsNonRoot"], whole["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
    assert whole["runAsUser"] == whole["runAsGroup"] == whole["fsGroup"] > 0
    assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)
    for container in manifests.containers(workload):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"memory"} <= container["resources"]["limits"].keys()
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()


@each_workload
def test_images_have_a_version(workload: Found) -> None:
    """Ours is that of this checkout; nobody else's is whatever is latest."""
    for container in manifests.containers(workload):
        name, _, tag = container["image"].partition(":")
        assert tag == __version__ if name == "iam-proxy" else re.fullmatch(r"\d+\.\d+(\.\d+)?", tag)
    (image,) = manifests.KUSTOMIZATION["images"]
    assert (image["name"], image["newTag"]) == ("iam-proxy", __version__)


@each_workload
def test_volumes_and_their_sources(workload: Found) -> None:
    """What is mounted is a volume, what is a volume is mounted, and its ConfigMap stands in the same file."""
    spec = manifests.pod(workload)["spec"]
    mounts = {mount["name"] for each in manifests.containers(workload) for mount in each.get("volumeMounts", [])}
    assert mounts == {volume["name"] for volume in spec["volumes"]}
    for volume in spec["volumes"]:
        if "configMap" in volume:
            assert manifests.named("ConfigMap", volume["configMap"]["name"]).file == workload.file
        if "secret" in volume:
            assert volume["secret"]["defaultMode"] == 0o440


# --- what every gateway promises
@each_gateway
def test_the_configuration(workload: Found, container: Object, tmp_path: Path) -> None:
    """It loads, with its secrets where their volumes are mounted, without a mistake and without a warning."""
    text = manifests.text_of(workload, container)
    places = {path for path, volume in manifests.mounted(workload, container).items() if "secret" in volume}
    files = manifests.secret_files(text)
    assert {str(file.parent) for file in files} == places
    for file in files:
        there = tmp_path / str(file).lstrip("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text("some-secret", encoding="utf-8")
        there.chmod(0o440)
    environ = {each["name"]: "redis://iam:word@iam-proxy-redis:6379/0" for each in container.get("env", [])}
    assert manifests.config(text, environ, tmp_path).warnings == ()


@each_gateway
def test_ports_and_probes(workload: Found, container: Object) -> None:
    """Probes ask the admin listener at its port; liveness never about the platform, readiness about nothing else."""
    settings = tomllib.loads(manifests.text_of(workload, container))
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    assert settings["admin"]["listen"] == f"0.0.0.0:{ports['admin']}"
    assert settings["admin"]["allow"] == ["loopback", "private"]
    wanted = {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    asked = {name: container[name]["httpGet"] for name in wanted if name in container}
    assert asked == {name: {"path": wanted[name], "port": "admin"} for name in asked}
    assert wanted.keys() - asked.keys() == ({"readinessProbe"} if workload.kind == "Job" else set())
    address = settings["server"]["listen"]
    if "http" in ports:
        assert address == f"0.0.0.0:{ports['http']}"
    else:  # reached within the pod alone, and by what runs in it
        (application,) = manifests.pod(workload)["spec"]["containers"]
        words = " ".join([*application["command"], *application.get("args", [])])
        assert address.startswith("127.0.0.1:")
        assert f" http://{address}/" in words


@each_gateway
def test_there_is_time_to_drain(workload: Found, container: Object) -> None:
    """A pod is killed only after it has waited for its last requests and drained."""
    settings = tomllib.loads(manifests.text_of(workload, container))
    drain = duration(settings["server"].get("drain_timeout", "30s"))
    before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert manifests.pod(workload)["spec"]["terminationGracePeriodSeconds"] >= before + drain + 5


@each_gateway
def test_bodies_have_room(workload: Found, container: Object) -> None:
    """As many bodies as may be in flight fit into the memory, each of the size that is kept there; spools into /tmp."""
    limits = tomllib.loads(manifests.text_of(workload, container))["limits"]
    kept = {"1MiB": 1024, "256KiB": 256}[limits.get("replay_buffer", "1MiB")] * limits["max_in_flight"]
    memory = container["resources"]["limits"]["memory"]
    assert kept + 64 * 1024 < int(memory.removesuffix("Mi")) * 1024
    assert "emptyDir" in manifests.mounted(workload, container)["/tmp"]


@pytest.mark.parametrize("name", ["sidecar-Deployment", "job-Job"])
def test_the_sidecars(name: str) -> None:
    """Native ones: they start first, end last, and keep no job from its end."""
    (workload,) = (each for each in manifests.workloads() if str(each) == name)
    spec = manifests.pod(workload)["spec"]
    (sidecar,) = spec["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    assert "startupProbe" in sidecar
    assert spec.get("restartPolicy", "Always") == ("Never" if workload.kind == "Job" else "Always")


# --- what they refer to in each other
def test_services_and_budgets() -> None:
    """Each selects the pods of one deployment, at ports that those have; fewer may be asked for than there are."""
    for service in manifests.objects("Service"):
        deployment = manifests.named("Deployment", service.name)
        assert service.body["spec"]["selector"].items() <= manifests.pod(deployment)["metadata"]["labels"].items()
        names = {port["name"] for each in manifests.containers(deployment) for port in each["ports"]}
        assert {port["targetPort"] for port in service.body["spec"]["ports"]} <= names
    (budget,) = manifests.objects("PodDisruptionBudget")
    deployment = manifests.named("Deployment", budget.name)
    assert budget.body["spec"]["selector"] == deployment.body["spec"]["selector"]
    assert 0 < budget.body["spec"]["minAvailable"] < deployment.body["spec"]["replicas"]


@each_workload
def test_workloads_select_their_pods(workload: Found) -> None:
    """By labels that the pods have; a job finds its own."""
    labels = manifests.pod(workload)["metadata"]["labels"]
    if workload.kind == "Deployment":
        assert workload.body["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_the_names_that_the_service_has() -> None:
    """Names with dots are answered where they are listed: those of the Service, in the kustomization's namespace."""
    deployment = manifests.named("Deployment", "iam-proxy")
    settings = tomllib.loads(manifests.text_of(deployment, manifests.containers(deployment)[0]))
    name = f"iam-proxy.{manifests.KUSTOMIZATION['namespace']}"
    assert settings["access"]["allowed_hosts"] == [name, f"{name}.svc", f"{name}.svc.cluster.local"]


def test_network_policies() -> None:
    """Each concerns pods that there are, opens their ports to somebody, and lets them out to what they need."""
    covered = set()
    for policy in manifests.objects("NetworkPolicy"):
        spec = policy.body["spec"]
        labels = spec["podSelector"]["matchLabels"].items()
        concerned = [
            each for each in manifests.workloads() if labels <= manifests.pod(each)["metadata"]["labels"].items()
        ]
        covered |= {each.name for each in concerned}
        ports = {
            port["containerPort"]
            for workload in concerned
            for container in manifests.containers(workload)
            for port in container.get("ports", [])
        }
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        assert {port["port"] for rule in spec["ingress"] for port in rule["ports"]} == ports
        assert all(rule["from"] for rule in spec["ingress"])
        out = {port["port"] for rule in spec.get("egress", []) for port in rule["ports"]}
        assert (
            out == {"iam-proxy": {53, 443, 6379}, "iam-proxy-redis": set(), "iam-proxy-sidecar": {53, 443}}[policy.name]
        )
    assert covered == {workload.name for workload in manifests.workloads()}
