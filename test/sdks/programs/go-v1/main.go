// Probe of the AWS SDK for Go v1: one STS GetCallerIdentity for every line on stdin, one line of JSON for each on stdout.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/sts"
)

type success struct {
	OK  bool   `json:"ok"`
	Arn string `json:"arn"`
}

type failure struct {
	OK    bool   `json:"ok"`
	Error string `json:"error"`
}

func newClient() (*sts.STS, error) {
	sess, err := session.NewSession()
	if err != nil {
		return nil, err
	}
	return sts.New(sess, aws.NewConfig().WithEndpoint(os.Getenv("SANDBOX_STS_URL"))), nil
}

func call(ctx context.Context, client *sts.STS) (string, error) {
	identity, err := client.GetCallerIdentityWithContext(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return aws.StringValue(identity.Arn), nil
}

func main() {
	ctx := context.Background()
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	var client *sts.STS
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
