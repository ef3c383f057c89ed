// Probe of the AWS SDK for Go v2: one STS GetCallerIdentity for every line on stdin, one line of JSON for each on stdout.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

type success struct {
	OK  bool   `json:"ok"`
	Arn string `json:"arn"`
}

type failure struct {
	OK    bool   `json:"ok"`
	Error string `json:"error"`
}

func newClient(ctx context.Context) (*sts.Client, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	return sts.NewFromConfig(cfg), nil
}

func call(ctx context.Context, client *sts.Client) (string, error) {
	identity, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return aws.ToString(identity.Arn), nil
}

func main() {
	ctx := context.Background()
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	var client *sts.Client
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var err error
		if client == nil {
			client, err = newClient(ctx)
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
