/**
 * The two halves of completion that differ by shell: the script that the shell evaluates once, and the form in which it
 * wants its answer at each TAB. zsh and fish quote the words themselves; bash puts down what it is given, letter by letter.
 */
import { bashCursor, bashEnd } from "./completion-bash.ts"
import { complete, type Proposal, type Proposals } from "./completion.ts"
import type { Context } from "./context.ts"
import type { completionShells } from "./proposals.ts"

type CompletionShell = (typeof completionShells)[number]

export async function answerTo(shell: string, rest: readonly string[], context: Context): Promise<string> {
  if (shell !== "bash") return lines(await complete(rest, context), ({ word, brief }) => `${word}\t${brief}`)
  const cursor = bashCursor(rest[0] ?? "")
  const proposals = await complete([...cursor.before.slice(1), cursor.plain], context)
  return lines(proposals, ({ word }) => bashEnd(word, cursor))
}

/** A wish stands alone on a line that begins with a colon, which is no word of credd's. */
function lines(proposals: Proposals, line: (proposal: Proposal) => string | undefined): string {
  if (proposals === "file") return ":file\n"
  if ("command" in proposals) return `:command ${proposals.command}\n`
  return proposals.words
    .flatMap((each) => line(each) ?? [])
    .map((each) => `${each}\n`)
    .join("")
}

export function completionScript(shell: CompletionShell): string {
  return scripts[shell]
}

const scripts: Readonly<Record<CompletionShell, string>> = {
  bash: `# bash completion for credd; in ~/.bashrc: eval "$(credd completion bash)"
_credd() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :file)
        compopt -o filenames 2>/dev/null
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$2")
        return ;;
      ":command "*)
        if declare -F _command_offset >/dev/null; then _command_offset "$((\${line#:command } + 1))"
        else compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -c -f -- "$2")); fi
        return ;;
      *) COMPREPLY+=("$line") ;;
    esac
  done < <(command credd __complete bash "\${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
}
complete -F _credd credd
`,
  zsh: `#compdef credd
# zsh completion for credd; in ~/.zshrc, below compinit: eval "$(credd completion zsh)"
_credd() {
  local line tab=$'\\t'
  local -a words_ described
  while IFS= read -r line; do
    case $line in
      :file) _files; return ;;
      :command\\ *)
        shift $(( \${line#:command } + 1 )) words
        (( CURRENT -= \${line#:command } + 1 ))
        _normal; return ;;
      *)
        words_+=("\${line%%$tab*}")
        described+=("\${line%%$tab*}  -- \${line#*$tab}") ;;
    esac
  done < <(command credd __complete zsh "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)
  (( $#words_ )) && compadd -l -d described -a words_
}
if [ "$funcstack[1]" = "_credd" ]; then _credd "$@"; else compdef _credd credd; fi
`,
  fish: `# fish completion for credd; in ~/.config/fish/completions/credd.fish, or: credd completion fish | source
function __credd_complete
  set -l before (commandline -opc)
  set -l at (commandline -ct)
  set -l plain (string unescape -- $at 2>/dev/null; or string trim -l -c "'\\"" -- $at)
  set -l found (command credd __complete fish $before[2..] "$plain" 2>/dev/null)
  switch "$found[1]"
    case :file
      __fish_complete_path $at
    case ':command *'
      set -l skip (math (string replace ':command ' '' -- $found[1]) + 2)
      complete -C (string join ' ' -- (string escape -- $before[$skip..]) $at)
    case '*'
      printf '%s\\n' $found
  end
end
complete -c credd -f -a '(__credd_complete)'
`,
}
