/** The route map: every command, its words and its flags. The commands themselves are loaded when they run. */
import { buildRouteMap } from "@stricli/core"
import { command } from "./command.ts"
import { exitsWithoutDaemon, usualExits } from "./manual.ts"
import { flag, json, lease, manyProfiles, none, oneProfile, optionalProfile, scope, value } from "./parameters.ts"
import { proposing } from "./proposals.ts"

export const routes = buildRouteMap({
  routes: {
    add: command({
      brief: "keep an access key in the keychain, proven with AWS first",
      examples: ["credd add acme", "credd add acme --csv accessKeys.csv"],
      parameters: {
        positional: oneProfile,
        flags: {
          csv: value("the file that the console lets you download", "file"),
          "mfa-serial": value("the MFA device, where the AWS config does not name it", "arn"),
        },
      },
      load: async () => (await import("./commands/add.ts")).add,
    }),
    audit: command({
      brief: "show who took which credentials, and when",
      about: [
        "One line for each hand-out and each refusal, with the process that asked; for logins, leases and settings as well. It is read from the files under state, so it works without the daemon; --json prints the lines as they are there.",
        "--verify follows the chain of hashes through all files and names every line that was cut out, put in or changed. It ends with 1 if there is one.",
      ],
      examples: ["credd audit", "credd audit --since 7d --lease agent", "credd audit --follow", "credd audit --verify"],
      exits: exitsWithoutDaemon,
      parameters: {
        positional: none,
        flags: {
          json,
          since: value("how far back (24h)", "time"),
          lease: value("one lease's lines only, by its name or id", "lease"),
          follow: flag("go on as lines come, until Ctrl-C"),
          verify: flag("check that no line was cut out or changed"),
        },
      },
      load: async () => (await import("./commands/audit.ts")).audit,
    }),
    completion: command({
      brief: "print the completion script of a shell",
      about: [
        "TAB then completes commands, flags and profile names. The script asks credd itself, so it never needs to be made anew.",
      ],
      examples: [
        'eval "$(credd completion bash)"                                      # in ~/.bashrc',
        'eval "$(credd completion zsh)"                                       # in ~/.zshrc, below compinit',
        "credd completion fish > ~/.config/fish/completions/credd.fish",
      ],
      exits: exitsWithoutDaemon,
      parameters: {
        positional: {
          kind: "tuple",
          parameters: [
            {
              brief: "bash, zsh or fish; else the one of $SHELL",
              parse: String,
              placeholder: "shell",
              optional: true,
              ...proposing("completion-shell"),
            },
          ],
        },
        flags: {},
      },
      load: async () => (await import("./commands/completion.ts")).completion,
    }),
    config: command({
      brief: "print every setting and where it came from",
      examples: ["credd config"],
      exits: exitsWithoutDaemon,
      parameters: { positional: none, flags: { json } },
      load: async () => (await import("./commands/config.ts")).config,
    }),
    console: command({
      brief: "sign in to the AWS console as a profile",
      examples: [
        "credd console dev",
        "credd console dev --service ec2 --region eu-west-1",
        "credd console acme --policy-arn ReadOnlyAccess --print",
      ],
      parameters: {
        positional: optionalProfile,
        flags: {
          service: value("the service to begin with", "service"),
          path: value("the page to begin with", "/path"),
          region: value("the region to begin with", "region"),
          "policy-arn": value("for a user: the managed policy that limits the session", "policy"),
          duration: value("for a user: 15m to 36h (12h)", "time"),
          print: flag("print the URL, and open nothing"),
        },
      },
      load: async () => (await import("./commands/console.ts")).console,
    }),
    daemon: command({
      brief: "run the daemon in the foreground",
      examples: ["credd daemon"],
      parameters: {
        positional: none,
        flags: { supervised: flag("end when the event loop hangs: for a service manager, which starts it again") },
      },
      load: async () => (await import("./commands/daemon.ts")).daemon,
    }),
    decode: command({
      brief: "have AWS decode an encoded authorization message",
      examples: ["credd decode MESSAGE", "terraform apply 2>&1 | credd decode -", "credd decode --profile dev -"],
      parameters: {
        positional: {
          kind: "tuple",
          parameters: [
            {
              brief: "the message, or the whole error around it; - reads standard input",
              parse: String,
              placeholder: "message",
              optional: true,
            },
          ],
        },
        flags: { json, profile: value("who asks AWS; else as for any command", "profile") },
      },
      load: async () => (await import("./commands/decode.ts")).decode,
    }),
    doctor: command({
      brief: "find what keeps this shell from credd, and say what mends it",
      about: [
        "Walks the credential chain of each AWS SDK for this shell and the files under ~/.aws, and says which credentials would be used in each, and why credd's or why not. Looks at the daemon, its port, store, clock and service, at SDKs that are too old, and at keys in plain text.",
        "Ends with 1 when something would stop credd from being used.",
      ],
      examples: ["credd doctor", "credd doctor --identity", "credd doctor --fix"],
      exits: { 0: "nothing stops credd from being used", 1: "something does", 2: "wrong usage", 130: "interrupted" },
      parameters: {
        positional: none,
        flags: {
          json,
          identity: flag("ask AWS who each of the credentials is"),
          fix: flag("mend what is safe to mend, each after a yes"),
          yes: flag("with --fix: do not ask"),
        },
      },
      load: async () => (await import("./commands/doctor.ts")).doctor,
    }),
    env: command({
      brief: "print shell lines that make AWS SDKs ask credd",
      examples: ['eval "$(credd env dev)"', "credd env dev --shell fish | source", "credd env --unset"],
      parameters: {
        positional: optionalProfile,
        flags: {
          imds: flag("for tools that know only instance metadata (see: credd imds)"),
          inline: flag("put the token in the variable (the default)"),
          "token-file": flag("name the file that holds the token"),
          shell: value("sh, fish, powershell, nu or json", "shell"),
          unset: flag("print lines that take the variables away"),
        },
      },
      load: async () => (await import("./commands/env.ts")).env,
    }),
    exec: command({
      brief: "run a command with credentials that end when it does",
      about: [
        "The command gets the environment that credd env prints, with a token of its own, and runs in credd's place: it has the terminal, the signals and the exit status. Without a command it is your shell.",
        "With --read-only, --policy or --policy-arn AWS narrows the credentials (see: credd lease new --help).",
      ],
      usage: "[--read-only] [--policy file] [--policy-arn arn]... [--no-region] [<profile>] [-- <command>...]",
      examples: [
        "credd exec dev -- aws s3 ls",
        "credd exec dev --read-only -- claude",
        "credd exec prod -- terraform plan",
        "credd exec dev",
      ],
      exits: { ...usualExits, 126: "the command cannot be run", 127: "no such command", "128+n": "signal n ended it" },
      parameters: {
        positional: {
          kind: "array",
          parameter: {
            brief:
              "the profile; else AWS_PROFILE, this shell's own, default_profile, or the only one; then -- and the command",
            parse: String,
            placeholder: "profile",
            ...proposing("profile"),
          },
        },
        flags: { ...scope, "no-region": flag("leave AWS_REGION and AWS_DEFAULT_REGION as they are") },
      },
      load: async () => (await import("./commands/exec.ts")).exec,
    }),
    imds: buildRouteMap({
      routes: {
        disable: command({
          brief: "close a profile's instance metadata port",
          examples: ["credd imds disable dev"],
          parameters: { positional: oneProfile, flags: {} },
          load: async () => (await import("./commands/imds.ts")).disable,
        }),
        enable: command({
          brief: "serve a profile as instance metadata (IMDSv2), on a port of its own",
          about: [
            "For tools that know neither container credentials nor credential_process. Instance metadata has no secret: on Linux only processes of your own user are answered, elsewhere every process on this machine is.",
          ],
          examples: ["credd imds enable dev", 'eval "$(credd env dev --imds)"'],
          parameters: { positional: oneProfile, flags: {} },
          load: async () => (await import("./commands/imds.ts")).enable,
        }),
        list: command({
          brief: "list the profiles that are served as instance metadata",
          examples: ["credd imds list", "credd imds list --json"],
          parameters: { positional: none, flags: { json } },
          load: async () => (await import("./commands/imds.ts")).list,
        }),
      },
      docs: {
        brief: "serve profiles as instance metadata (IMDSv2), for tools that know nothing else",
        fullDescription: [
          "serve profiles as instance metadata (IMDSv2), for tools that know nothing else",
          "",
          "EXAMPLE",
          "  credd imds enable dev",
          '  eval "$(credd env dev --imds)"',
        ].join("\n"),
      },
    }),
    import: command({
      brief: "move access keys from ~/.aws/credentials, or another tool, into the keychain",
      examples: ["credd import", "credd import acme --keep", "credd import --from aws-vault"],
      parameters: {
        positional: manyProfiles,
        flags: {
          from: value("credentials-file (as without it), aws-mfa or aws-vault", "source"),
          keep: flag("leave the keys in the file, too"),
        },
      },
      load: async () => (await import("./commands/import.ts")).importKeys,
    }),
    lease: buildRouteMap({
      routes: {
        list: command({
          brief: "list every lease: what it may, until when, and when it was last used",
          examples: ["credd lease list", "credd lease list --json"],
          parameters: { positional: none, flags: { json } },
          load: async () => (await import("./commands/lease.ts")).list,
        }),
        new: command({
          brief: "make a lease and print the environment of its caller",
          about: [
            "The lines set a token that is shown this once, and is good for these profiles only. They name the first profile; for another, set AWS_CONTAINER_CREDENTIALS_FULL_URI to the address that is said on stderr.",
            "A scope is enforced by AWS: with --read-only or --policy by GetScopedCredentials on the profile's session, with --policy-arn by AssumeRole with PolicyArns (role profiles only). What AWS cannot enforce is refused, never widened.",
            "CloudTrail shows the role session as credd-NAME, unless the profile has a role_session_name, and NAME with each scoped session.",
          ],
          examples: [
            'eval "$(credd lease new agent --profile dev --read-only)"',
            "credd lease new deploy --profile dev --profile prod --ttl 8h --policy policy.json",
            "credd lease new ci --profile dev --policy-arn arn:aws:iam::aws:policy/ReadOnlyAccess --json",
          ],
          parameters: {
            positional: {
              kind: "tuple",
              parameters: [{ brief: "letters, digits and +=,.@_-", parse: String, placeholder: "name" }],
            },
            flags: {
              profile: {
                kind: "parsed",
                brief: "a profile that it may read (again for more)",
                parse: String,
                variadic: true,
                placeholder: "profile",
                ...proposing("profile"),
              },
              ttl: {
                kind: "parsed",
                brief: "1s to 30d; credentials end with it, too, where AWS allows it",
                parse: String,
                default: "1h",
                placeholder: "time",
                ...proposing("time"),
              },
              ...scope,
              description: value("what it is for; CloudTrail shows it", "text"),
              replace: flag("end a living lease of that name first"),
              shell: value("sh, fish, powershell, nu or json", "shell"),
              json,
            },
          },
          load: async () => (await import("./commands/lease.ts")).make,
        }),
        revoke: command({
          brief: "end a lease, or all of them, at once",
          examples: ["credd lease revoke agent", "credd lease revoke --all"],
          parameters: {
            positional: {
              kind: "tuple",
              parameters: [{ ...lease, optional: true }],
            },
            flags: { all: flag("every lease; open shells need a new token then") },
          },
          load: async () => (await import("./commands/lease.ts")).revoke,
        }),
        show: command({
          brief: "show one lease, its policy included",
          examples: ["credd lease show agent"],
          parameters: {
            positional: { kind: "tuple", parameters: [lease] },
            flags: { json },
          },
          load: async () => (await import("./commands/lease.ts")).show,
        }),
      },
      docs: {
        brief: "named, narrowed, revocable access for one caller",
        fullDescription: [
          "named, narrowed, revocable access for one caller",
          "",
          "EXAMPLE",
          '  eval "$(credd lease new agent --profile dev --read-only)"',
          "  credd lease revoke agent",
        ].join("\n"),
      },
    }),
    lock: command({
      brief: "forget every session at once, and end every token",
      examples: ["credd lock"],
      parameters: { positional: none, flags: {} },
      load: async () => (await import("./commands/logout.ts")).lock,
    }),
    login: command({
      brief: "start an MFA session",
      examples: ["credd login acme", "credd login acme --duration 36h"],
      parameters: {
        positional: optionalProfile,
        flags: {
          "mfa-code": value("the code, instead of a prompt", "code"),
          duration: value("15m to 36h (12h)", "time"),
          gui: flag("ask in a window (pinentry, zenity, kdialog, or the Mac's own)"),
        },
      },
      load: async () => (await import("./commands/login.ts")).login,
    }),
    logout: command({
      brief: "forget a session and everything made from it",
      examples: ["credd logout acme", "credd logout --all"],
      parameters: { positional: manyProfiles, flags: { all: flag("every session") } },
      load: async () => (await import("./commands/logout.ts")).logout,
    }),
    process: command({
      brief: "print credentials as a credential_process, for tools that must be given a profile",
      about: [
        "AWS SDKs run it themselves. --setup writes a profile credd-NAME for each profile (or each that is named) into ~/.aws/config; --remove takes them away, and leaves the file byte for byte as it was.",
      ],
      examples: [
        "credd process --setup dev",
        "AWS_PROFILE=credd-dev aws sts get-caller-identity",
        "credd process --remove",
      ],
      parameters: {
        positional: manyProfiles,
        flags: {
          setup: flag("write profiles into ~/.aws/config"),
          remove: flag("take them away again"),
        },
      },
      load: async () => (await import("./commands/process.ts")).processCommand,
    }),
    refresh: command({
      brief: "renew a profile's credentials now",
      examples: ["credd refresh dev"],
      parameters: { positional: optionalProfile, flags: {} },
      load: async () => (await import("./commands/refresh.ts")).refresh,
    }),
    remove: command({
      brief: "forget an access key",
      examples: ["credd remove acme"],
      parameters: { positional: oneProfile, flags: { yes: flag("do not ask") } },
      load: async () => (await import("./commands/remove.ts")).remove,
    }),
    rotate: command({
      brief: "replace an access key at AWS by a new one",
      examples: ["credd rotate acme", "credd rotate acme --delete", "credd rotate acme --undo"],
      parameters: {
        positional: oneProfile,
        flags: {
          delete: flag("delete the old key as well (else it is only deactivated)"),
          undo: flag("go back to the old key, as long as it is not deleted"),
        },
      },
      load: async () => (await import("./commands/rotate.ts")).rotate,
    }),
    service: buildRouteMap({
      routes: {
        install: command({
          brief: "install the daemon as a service of this user, and start it",
          about: [
            "With systemd a socket unit holds the port from login on, so that a restart drops nobody; on macOS it is a launchd agent. What this shell has of CREDD_*, AWS_* (never keys) and proxy variables that the daemon reads is kept for it. Run it again after an upgrade: what has changed is put in place, and sessions stay.",
          ],
          examples: ["credd service install", "credd service install --linger"],
          parameters: {
            positional: none,
            flags: {
              linger: flag("keep it running while you are logged out, from boot on (systemd)"),
              strict: flag("also give it a file system of its own (systemd; needs user namespaces)"),
            },
          },
          load: async () => (await import("./commands/service.ts")).install,
        }),
        logs: command({
          brief: "show what the service has logged",
          examples: ["credd service logs", "credd service logs --follow"],
          exits: exitsWithoutDaemon,
          parameters: { positional: none, flags: { follow: flag("go on as lines come, until Ctrl-C") } },
          load: async () => (await import("./commands/service.ts")).logs,
        }),
        status: command({
          brief: "show whether the service is installed and runs, and from where",
          examples: ["credd service status", "credd service status --json"],
          parameters: { positional: none, flags: { json } },
          load: async () => (await import("./commands/service.ts")).status,
        }),
        uninstall: command({
          brief: "stop the service and take its files away",
          about: ["Settings and secrets stay, and it says where they are. --purge takes them away too, after asking."],
          examples: ["credd service uninstall", "credd service uninstall --purge"],
          parameters: {
            positional: none,
            flags: { purge: flag("forget settings, access keys and sessions as well"), yes: flag("do not ask") },
          },
          load: async () => (await import("./commands/service.ts")).uninstall,
        }),
      },
      docs: {
        brief: "run the daemon as a service of this user: systemd or launchd",
        fullDescription: [
          "run the daemon as a service of this user: systemd or launchd",
          "",
          "EXAMPLE",
          "  credd service install",
          "  credd service logs --follow",
        ].join("\n"),
      },
    }),
    status: command({
      brief: "show the daemon, the sessions and the profiles",
      examples: ["credd status", "credd status --watch", "credd status --short"],
      parameters: {
        positional: none,
        flags: { json, short: flag("one line, for a shell prompt"), watch: flag("draw it anew until Ctrl-C") },
      },
      load: async () => (await import("./commands/status.ts")).status,
    }),
    unlock: command({
      brief: "give the file store its passphrase",
      examples: ["credd unlock"],
      parameters: { positional: none, flags: {} },
      load: async () => (await import("./commands/unlock.ts")).unlock,
    }),
    use: command({
      brief: "set the profile for commands that name none",
      examples: ["credd use dev"],
      parameters: { positional: oneProfile, flags: {} },
      load: async () => (await import("./commands/use.ts")).use,
    }),
    whoami: command({
      brief: "ask AWS who a profile's credentials are",
      examples: ["credd whoami dev"],
      parameters: { positional: optionalProfile, flags: { json } },
      load: async () => (await import("./commands/whoami.ts")).whoami,
    }),
  },
  docs: {
    brief: "log in with MFA once a day; every AWS SDK on this machine is served",
    fullDescription: [
      "log in with MFA once a day; every AWS SDK on this machine is served",
      "",
      "Every command takes --plain (or CREDD_PLAIN=1): no bars, colours or redrawing, words instead.",
      "To see more of a command: credd help COMMAND, or man credd-COMMAND.",
    ].join("\n"),
  },
})
