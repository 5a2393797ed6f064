// Figures for people.

const two = (value) => String(value).padStart(2, "0");

export function clock(at) {
  const date = new Date(at);
  const ms = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}

export function took(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(2)} s` : `${(ms / 60_000).toFixed(1)} min`;
}

export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function span(seconds) {
  const left = Math.max(0, Math.round(seconds));
  if (left < 120) return `${left} s`;
  return left < 7200 ? `${Math.floor(left / 60)} min ${two(left % 60)} s` : `${(left / 3600).toFixed(1)} h`;
}
