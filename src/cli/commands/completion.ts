import type { Command } from 'commander';
import { exitCodes, MeshError } from '../../api/mesh-error.ts';
import type { Invocation } from '../invocation.ts';
import { build } from '../main.ts';

interface Entry {
  readonly name: string;
  readonly text: string;
  readonly flags: readonly string[];
}

/** `mesh completion <shell>`: made from the command line's own description, so it cannot fall behind. */
export async function run({ output }: Invocation, [shell = '']: readonly string[]): Promise<number> {
  const script = scripts[shell];
  if (script === undefined) {
    throw new MeshError('usage', `no completion for "${shell}"`, `one of ${Object.keys(scripts).join(', ')}`, exitCodes.usage);
  }
  output.raw(script(entries(build())));
  return exitCodes.ok;
}

const scripts: Readonly<Record<string, (entries: readonly Entry[]) => string>> = { bash, zsh, fish };

function entries(program: Command): readonly Entry[] {
  return program
    .createHelp()
    .visibleCommands(program)
    .map(command => ({
      name: command.name(),
      text: command.description(),
      flags: command.options.filter(option => !option.hidden && option.long).map(option => option.long ?? ''),
    }));
}

function bash(all: readonly Entry[]): string {
  const cases = all.map(({ name, flags }) => `    ${name}) words="${flags.join(' ')}" ;;`).join('\n');
  return `# eval "$(mesh completion bash)"
_mesh() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="" word words
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) command="$word"; break ;; esac
  done
  case "$command" in
    "") words="${all.map(each => each.name).join(' ')}" ;;
${cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _mesh mesh
`;
}

function zsh(all: readonly Entry[]): string {
  const quote = (text: string): string => text.replaceAll("'", '’').replaceAll(':', '\\:');
  const commands = all.map(({ name, text }) => `    '${name}:${quote(text)}'`).join('\n');
  const cases = all.map(({ name, flags }) => `      ${name}) compadd -- ${flags.join(' ')} ;;`).join('\n');
  return `#compdef mesh
# eval "$(mesh completion zsh)"
_mesh() {
  local -a commands
  commands=(
${commands}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
  else
    case "$words[2]" in
${cases}
    esac
  fi
}
compdef _mesh mesh
`;
}

function fish(all: readonly Entry[]): string {
  const quote = (text: string): string => text.replaceAll("'", '’');
  const lines = all.flatMap(({ name, text, flags }) => [
    `complete -c mesh -n __fish_use_subcommand -a ${name} -d '${quote(text)}'`,
    ...flags.map(flag => `complete -c mesh -n '__fish_seen_subcommand_from ${name}' -l ${flag.replace(/^--/, '')}`),
  ]);
  return `# mesh completion fish | source\ncomplete -c mesh -f\n${lines.join('\n')}\n`;
}
