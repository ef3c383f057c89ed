// Probe of MinIO's Go client: one signed S3 ListBuckets for every line on stdin, one line of JSON for each on stdout.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/url"
	"os"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

type success struct {
	OK  bool   `json:"ok"`
	Arn string `json:"arn"`
}

type failure struct {
	OK    bool   `json:"ok"`
	Error string `json:"error"`
}

func newClient() (*minio.Client, error) {
	endpoint, err := url.Parse(os.Getenv("SANDBOX_S3_URL"))
	if err != nil {
		return nil, err
	}
	return minio.New(endpoint.Host, &minio.Options{
		// It looks for a container's variables first, and for metadata at the address that it is given, or at EC2's own.
		Creds:        credentials.NewIAM(os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT")),
		Region:       os.Getenv("AWS_REGION"),
		BucketLookup: minio.BucketLookupPath,
	})
}

func call(ctx context.Context, client *minio.Client) (string, error) {
	_, err := client.ListBuckets(ctx)
	return "", err
}

func main() {
	ctx := context.Background()
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	var client *minio.Client
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var err error
		if client == nil {
			client, err = newClient()
		}
		var arn string
		if err == nil {
			arn, err = call(ctx, client)
		}
		if err != nil {
			out.Encode(failure{Error: strings.ReplaceAll(err.Error(), "\n", " ")})
		} else {
			out.Encode(success{OK: true, Arn: arn})
		}
	}
}
