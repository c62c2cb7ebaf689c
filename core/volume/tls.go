package volume

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
)

// systemCertificates are the files in which distributions keep the trusted certificates; each
// distribution has one of them. Each call that needs the certificates reads them again: crypto/x509
// reads them once for the whole process, from the mount namespace of the first call, and lets the
// environment select other files.
var systemCertificates = [...]string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/cacert.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

// tlsConfig returns a configuration that verifies the plugin, unless the plugin's file disables
// that. Docker verifies only plugins whose .json file has a CAFile.
func tlsConfig(a Address) (*tls.Config, error) {
	files := a.TLS
	if files == nil {
		files = &TLSFiles{}
	}
	config := &tls.Config{ServerName: a.Host, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: files.InsecureSkipVerify}
	if !files.InsecureSkipVerify {
		var err error
		if config.RootCAs, err = roots(files.CAFile); err != nil {
			return nil, err
		}
	}
	if files.CertFile == "" && files.KeyFile == "" {
		return config, nil
	}
	certificate, err := keyPair(files.CertFile, files.KeyFile)
	config.Certificates = []tls.Certificate{certificate}
	return config, err
}

func roots(file string) (*x509.CertPool, error) {
	candidates := []string{file}
	if file == "" {
		candidates = systemCertificates[:]
	}
	for _, candidate := range candidates {
		data, err := readFile(candidate)
		if errors.Is(err, fs.ErrNotExist) && file == "" {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("certificates %s: %w", candidate, err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("certificates %s: the file contains no certificate", candidate)
		}
		return pool, nil
	}
	return nil, errors.New("the system has no file of trusted certificates; give a CAFile in the " +
		"plugin's .json file")
}

func keyPair(certFile, keyFile string) (tls.Certificate, error) {
	certificate, err := readFile(certFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate %s: %w", certFile, err)
	}
	key, err := readFile(keyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("key %s: %w", keyFile, err)
	}
	return tls.X509KeyPair(certificate, key)
}
