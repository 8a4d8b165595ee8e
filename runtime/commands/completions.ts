/** Completions for shells, written from the table of commands: they never start Twofold. */
import type { Command } from "../settings/config.ts";
import { commands, flagsOf, verbsOf } from "./command_line.ts";
import { choicesOf } from "./command_spec.ts";

/** A shell that there are completions for. */
export type Shell = "bash" | "zsh" | "fish";

/** What may stand in one place: fixed words, a file, a folder, or anything. */
type Place = readonly string[] | "file" | "folder" | "anything";

interface Flag {
  /** With its dashes. */
  readonly flag: string;
  readonly summary: string;
  /** Null for a switch. */
  readonly value: Place | null;
}

/** A command or a noun, as a shell has to know it. */
interface Node {
  readonly name: string;
  readonly summary: string;
  readonly verbs: readonly string[];
  readonly flags: readonly Flag[];
  readonly places: readonly Place[];
}

/**
 * The script that gives a shell its completions of `twofold`.
 *
 * @example
 * ```ts
 * import { completionsFor } from "./completions.ts";
 * if (!completionsFor("bash").includes("complete -F _twofold twofold")) throw new Error("bash");
 * ```
 */
export function completionsFor(shell: Shell): string {
  return { bash, zsh, fish }[shell](nodes());
}

function nodes(): Node[] {
  const names = Object.keys(commands) as Command[];
  const top = [...new Set(names.map((name) => name.split(" ")[0]))];
  const nouns = top.filter((name) => !Object.hasOwn(commands, name));
  const bare = (name: string, summary: string) => ({ name, summary, flags: [], places: [] });
  return [
    ...names.map(commandNode),
    ...nouns.map((noun) => ({ ...bare(noun, summaryOf(noun)), verbs: lastWords(noun) })),
    { ...bare("help", "Show flags and examples of a command"), verbs: top },
  ];
}

const lastWords = (noun: string) => verbsOf(noun).map((name) => name.split(" ")[1]);
const summaryOf = (noun: string) => commands[verbsOf(noun)[0]].summary;

function commandNode(name: Command): Node {
  const flags = [...flagsOf(name)].flatMap(([flag, { value, summary, negatable }]): Flag[] => [
    { flag: `--${flag}`, summary, value: value === null ? null : placeOf(value) },
    ...negatable ? [{ flag: `--no-${flag}`, summary: "Switches that off", value: null }] : [],
  ]);
  const places = placesOf(name).map(placeOf);
  return { name, summary: commands[name].summary, verbs: lastWords(name), flags, places };
}

function placesOf(name: Command): readonly string[] {
  const { arguments: wanted = [], optionalArgument } = commands[name];
  return optionalArgument === undefined ? wanted : [...wanted, optionalArgument];
}

function placeOf(placeholder: string): Place {
  if (placeholder === "FILE" || placeholder === "LIBCHDB") return "file";
  if (placeholder === "DIR") return "folder";
  const choices = choicesOf(placeholder);
  return choices.length > 0 ? choices : "anything";
}

const isVerb = ({ name }: Node) => name.includes(" ");

function bash(all: readonly Node[]): string {
  const action = (place: Place) => {
    if (place === "anything") return "return";
    if (place === "file" || place === "folder") {
      return `_twofold_files ${place === "file" ? "-f" : "-d"} "$current"; return`;
    }
    return `words="${place.join(" ")}"`;
  };
  const values = all.flatMap(({ name, flags }) =>
    flags.flatMap(({ flag, value }) =>
      value === null ? [] : [`    "${name} ${flag}") ${action(value)} ;;`]
    )
  );
  const words = all.map(({ name, verbs, flags, places }) => {
    const choices = places.flatMap((place) => typeof place === "string" ? [] : place);
    const fixed = [...verbs, ...choices, ...flags.map(({ flag }) => flag)].join(" ");
    const files = places.includes("file") ? ` _twofold_files -f "$current";` : "";
    return `      "${name}")${files} words="${fixed}" ;;`;
  });
  const top = all.filter((node) => !isVerb(node)).map(({ name }) => name);
  return `# Completions of twofold for bash, by: twofold completions bash
_twofold_files() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen "$1" -- "$2"))
  compopt -o filenames 2>/dev/null
}

_twofold() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} command= words=
  COMPREPLY=()
  # bash takes --flag=value for three words.
  if [[ $current == "=" ]]; then current=
  elif [[ $before == "=" ]]; then before=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  ((COMP_CWORD > 1)) && command=\${COMP_WORDS[1]}
  ((COMP_CWORD > 2)) && case "$command \${COMP_WORDS[2]}" in
    ${
    all.filter(isVerb).map(({ name }) => `"${name}"`).join(" | ")
  }) command+=" \${COMP_WORDS[2]}" ;;
  esac
  case "$command $before" in
${values.join("\n")}
    *) case "$command" in
      "") words="${top.join(" ")} --help --version" ;;
${words.join("\n")}
    esac ;;
  esac
  COMPREPLY+=($(compgen -W "$words" -- "$current"))
}
complete -F _twofold twofold
`;
}

/** A text within single quotes of a shell. */
const quoted = (text: string, escape: RegExp = /(?!)/g) =>
  `'${text.replace(escape, "\\$&").replaceAll("'", "'\\''")}'`;

function zsh(all: readonly Node[]): string {
  const action = (place: Place) => {
    if (place === "file") return "_files";
    if (place === "folder") return "_files -/";
    return place === "anything" ? " " : `(${place.join(" ")})`;
  };
  const described = (names: readonly (readonly [string, string])[]) =>
    names.map(([name, summary]) => quoted(`${name}:${summary}`)).join(" ");
  const summaries = new Map(all.map(({ name, summary }) => [name, summary]));
  const cases = all.map(({ name, verbs, flags, places }) => {
    const specs = [
      ...flags.map(({ flag, summary, value }) => {
        const end = value === null ? "" : `:value:${action(value)}`;
        return quoted(`*${flag}[${summary.replace(/[[\]:]/g, "\\$&")}]${end}`);
      }),
      ...places.map((place, i) => quoted(`${i + 1}:argument:${action(place)}`)),
    ];
    const verbNames = verbs.map((verb) =>
      [verb, summaries.get(name === "help" ? verb : `${name} ${verb}`)!] as const
    );
    const describe = verbs.length === 0
      ? ""
      : `(( CURRENT == 2 )) && { verbs=(${described(verbNames)}); _describe verb verbs }; `;
    const parse = specs.length === 0 ? "" : `_arguments ${specs.join(" ")}`;
    return `    ${quoted(name)}) ${describe}${parse} ;;`;
  });
  const top = all.filter((node) => !isVerb(node));
  return `#compdef twofold
# Completions of twofold for zsh, by: twofold completions zsh
_twofold() {
  local name=$words[2]
  local -a names verbs
  if (( CURRENT == 2 )); then
    names=(${described(top.map(({ name, summary }) => [name, summary] as const))})
    _describe command names
    return
  fi
  shift words
  (( CURRENT-- ))
  if (( CURRENT > 2 )); then
    case "$name $words[2]" in
      ${all.filter(isVerb).map(({ name }) => quoted(name)).join("|")})
        name+=" $words[2]"; shift words; (( CURRENT-- )) ;;
    esac
  fi
  case $name in
${cases.join("\n")}
  esac
}
# Autoloaded, this file is the function; sourced, it only defines it.
if [[ $funcstack[1] == _twofold ]]; then _twofold; else compdef _twofold twofold; fi
`;
}

function fish(all: readonly Node[]): string {
  const value = (place: Place) => {
    if (place === "file") return "-r -F";
    if (place === "folder") return "-x -a '(__fish_complete_directories)'";
    return place === "anything" ? "-x" : `-x -a ${text(place.join(" "))}`;
  };
  const text = (words: string) => `'${words.replace(/[\\']/g, "\\$&")}'`;
  const summaries = new Map(all.map(({ name, summary }) => [name, summary]));
  const lines = all.flatMap(({ name, verbs, flags, places }) => {
    const at = `complete -c twofold -n ${text(`__twofold_is ${text(name)}`)}`;
    return [
      ...verbs.map((verb) => {
        const summary = summaries.get(name === "help" ? verb : `${name} ${verb}`)!;
        return `${at} -a ${text(verb)} -d ${text(summary)}`;
      }),
      ...places.flatMap((place) => {
        if (place === "anything" || place === "folder") return [];
        return [place === "file" ? `${at} -F` : `${at} -a ${text(place.join(" "))}`];
      }),
      ...flags.map(({ flag, summary, value: place }) => {
        const end = place === null ? "" : ` ${value(place)}`;
        return `${at} -l ${flag.slice(2)} -d ${text(summary)}${end}`;
      }),
    ];
  });
  const top = all.filter((node) => !isVerb(node)).map(({ name, summary }) =>
    `complete -c twofold -n "__twofold_is ''" -a ${text(name)} -d ${text(summary)}`
  );
  return `# Completions of twofold for fish, by: twofold completions fish
function __twofold_is
    set -l words (commandline -opc)
    set -l name "$words[2]"
    contains -- "$words[2] $words[3]" ${all.filter(isVerb).map(({ name }) => text(name)).join(" ")}
    and set name "$words[2] $words[3]"
    test "$name" = "$argv[1]"
end
complete -c twofold -f
${[...top, ...lines].join("\n")}
`;
}
