// A reverse proxy as one writes it with Go's standard library, with an idle pool that is large enough.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

// Arguments: where to listen, the origin's URL, and the file of its authority or nothing.
func main() {
	origin, err := url.Parse(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = 0
	transport.MaxIdleConnsPerHost = 1024
	transport.DisableCompression = true // bodies cross as they are
	if os.Args[3] != "" {
		transport.TLSClientConfig = &tls.Config{RootCAs: authority(os.Args[3]), ServerName: "localhost"}
		transport.ForceAttemptHTTP2 = false
	}
	proxy := httputil.NewSingleHostReverseProxy(origin)
	proxy.Transport = transport
	direct := proxy.Director
	proxy.Director = func(request *http.Request) {
		direct(request)
		request.Header.Set("Authorization", "Bearer bench0123")
	}
	log.Fatal(http.ListenAndServe(os.Args[1], proxy))
}

func authority(file string) *x509.CertPool {
	pem, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool
}
