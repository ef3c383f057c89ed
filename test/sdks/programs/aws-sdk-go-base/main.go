// Probe of aws-sdk-go-base, the credential code of Terraform's AWS provider: one STS GetCallerIdentity for every line on stdin, one line of JSON for each on stdout.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	awsbase "github.com/hashicorp/aws-sdk-go-base/v2"
)

type success struct {
	OK  bool   `json:"ok"`
	Arn string `json:"arn"`
}

type failure struct {
	OK    bool   `json:"ok"`
	Error string `json:"error"`
}

// newClient reads credentials already here, as Terraform does when it configures the provider.
func newClient(ctx context.Context) (*sts.Client, error) {
	_, cfg, diags := awsbase.GetAwsConfig(ctx, &awsbase.Config{Region: os.Getenv("AWS_REGION")})
	var errs []error
	for _, d := range diags.Errors() {
		errs = append(errs, errors.New(strings.TrimSpace(d.Summary()+"\n"+d.Detail())))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
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
