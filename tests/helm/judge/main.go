// judge: Kubernetes' own opinion of a rendered chart.
//
//	helm template ... | judge [-security=false]
//
// Each document is decoded as strictly as an API server with fieldValidation=Strict does it, defaulted, and put through the validation that the API
// server runs before it stores an object. Every pod template is then judged by the Pod Security Standard `restricted`, with the code of the admission
// controller, unless -security=false. Prints a line for each fault and ends with 1 when there is one; with 2 when the input cannot be read.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/util/yaml"
)

func main() {
	security := flag.Bool("security", true, "judge pods by the Pod Security Standard restricted")
	flag.Parse()
	documents, err := split(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(2)
	}
	faults := 0
	for _, document := range documents {
		for _, fault := range judge(document, *security) {
			fmt.Println(fault)
			faults++
		}
	}
	fmt.Printf("%d documents, %d faults\n", len(documents), faults)
	if len(documents) == 0 || faults > 0 {
		os.Exit(1)
	}
}

// split returns the documents of a YAML stream that hold anything.
func split(stream io.Reader) ([][]byte, error) {
	reader := yaml.NewYAMLReader(bufio.NewReader(stream))
	var documents [][]byte
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(stripComments(document))) > 0 {
			documents = append(documents, document)
		}
	}
}

func stripComments(document []byte) []byte {
	var kept [][]byte
	for _, line := range bytes.Split(document, []byte("\n")) {
		if trimmed := bytes.TrimSpace(line); !bytes.HasPrefix(trimmed, []byte("#")) && !bytes.Equal(trimmed, []byte("---")) {
			kept = append(kept, line)
		}
	}
	return bytes.Join(kept, []byte("\n"))
}
