"""What botocore makes of config files: reads cases from stdin as JSON, prints for each what every profile comes to.

No network, no process and no prompt: the ends of the chains are replaced by marks, the walk itself is botocore's.
"""
import json
import os
import sys
import tempfile

import botocore.credentials as credentials
import botocore.session

FUTURE = "2099-01-01T00:00:00Z"
LONG = {"RoleArn", "RoleSessionName", "ExternalId", "DurationSeconds", "SerialNumber"}


class FakeSts:
    def __init__(self, below):
        self.below = below

    def assume_role(self, **asked):
        role = {name: value for name, value in asked.items() if name in LONG}
        chain = self.below + [role] if isinstance(self.below, list) else [self.below, role]
        return {
            "Credentials": {
                "AccessKeyId": json.dumps(chain),
                "SecretAccessKey": "x",
                "SessionToken": "x",
                "Expiration": FUTURE,
            }
        }


def fake_client_creator(session, region_name):
    def create(service_name, **kwargs):
        key = kwargs["aws_access_key_id"]
        return FakeSts(json.loads(key) if key.startswith("[") else key)

    return create


def mark(name, condition):
    def load(self):
        return credentials.Credentials(name, "x") if condition(self) else None

    return load


def has_login(self):
    return "login_session" in self._load_config().get("profiles", {}).get(self._profile_name, {})


def process(self, command):
    return {"access_key": "PROCESS " + command, "secret_key": "x", "token": None, "expiry_time": None}


def web_identity(self):
    return credentials.Credentials("WEB", "x") if self._get_config("web_identity_token_file") else None


credentials._get_client_creator = fake_client_creator
credentials.SSOProvider.load = mark("SSO", lambda self: self._load_sso_config())
credentials.LoginProvider.load = mark("LOGIN", has_login)
credentials.ProcessProvider._retrieve_credentials_using = process
credentials.AssumeRoleWithWebIdentityProvider._assume_role_with_web_identity = web_identity


def profile_outcome(name, with_endpoint, loader):
    session = botocore.session.Session(profile=name)
    session.register_component("data_loader", loader)
    outcome = {"region": session.get_config_variable("region") or None}
    try:
        provider = session.get_component("credential_provider")
        provider.get_provider("assume-role")._prompter = lambda prompt: "123456"
        found = session.get_credentials()
        if found is None:
            outcome["error"] = "none"
        else:
            frozen = found.get_frozen_credentials()
            key = frozen.access_key
            chain = json.loads(key) if key.startswith("[") else [key]
            outcome["source"], outcome["roles"] = chain[0], chain[1:]
            outcome["token"] = frozen.token if len(chain) == 1 else None
    except Exception as error:
        outcome["error"] = type(error).__name__
    if with_endpoint:
        try:
            client = session.create_client(
                "sts",
                region_name=outcome["region"] or "us-east-1",
                aws_access_key_id="x",
                aws_secret_access_key="x",
            )
            outcome["endpoint"] = client.meta.endpoint_url
        except Exception as error:
            outcome["endpoint"] = "error " + type(error).__name__
    return outcome


def case_outcome(case, folder, loader):
    for name in ("config", "credentials"):
        path = os.path.join(folder, name)
        if case.get(name) is None:
            if os.path.exists(path):
                os.remove(path)
        else:
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(case[name])
    try:
        names = list(botocore.session.Session().full_config["profiles"])
    except Exception as error:
        return {"error": type(error).__name__}
    return {"profiles": {name: profile_outcome(name, case.get("endpoints", False), loader) for name in names}}


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            AWS_CONFIG_FILE=os.path.join(folder, "config"),
            AWS_SHARED_CREDENTIALS_FILE=os.path.join(folder, "credentials"),
            AWS_EC2_METADATA_DISABLED="true",
            AWS_ACCESS_KEY_ID="ENVIRONMENT",
            AWS_SECRET_ACCESS_KEY="x",
        )
        loader = botocore.session.Session().get_component("data_loader")
        print(json.dumps([case_outcome(case, folder, loader) for case in json.load(sys.stdin)]))


main()
