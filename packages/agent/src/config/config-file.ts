// SPDX-License-Identifier: Apache-2.0
import { basename } from 'node:path';
import type { FileValue, SettingProblem } from '@fairlead/shared/runtime/settings.ts';
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { ALL_SETTINGS } from './names.ts';
import type { ConfigFile, UnknownKey } from './setting-inputs.ts';
import { UNSUPPORTED_SETTINGS } from './unsupported.ts';

/** More than this is no configuration, but a mistake in the path. */
const MAX_LETTERS = 1_000_000;

/**
 * Reads the text of a configuration file: YAML, of which JSON is a part. Never throws: problems are part of the outcome. Pure.
 *
 * @param setting that named the file
 */
export function readConfigFile(path: string, text: string, setting = 'config_file'): ConfigFile {
  const findings = new Findings(basename(path), setting);
  if (!/\.(ya?ml|json)$/.test(path)) {
    return findings.refuse(path, 'a path that ends in .yaml, .yml or .json');
  }
  if (text.length > MAX_LETTERS || text.includes('\0')) {
    return findings.refuse(path, `a text of at most ${MAX_LETTERS} letters`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  for (const { message, pos } of document.errors) {
    findings.addProblem(lines.linePos(pos[0]).line, 'YAML', message, 'YAML or JSON');
  }
  const root = document.contents;
  if (findings.problems.length > 0 || root === null) return findings.outcome();
  if (!isMap(root)) return findings.refuse(path, 'keys with values, such as "enableARP: true"');
  for (const entry of leavesOf(root, '')) findings.take(entry, lines.linePos(entry.offset).line);
  return findings.outcome();
}

interface Leaf {
  /** Path with dots. */
  readonly key: string;
  /** Position in the text. */
  readonly offset: number;
  readonly node: unknown;
}

/** Everything that is not a map, with its path. */
function leavesOf(map: Node, prefix: string): readonly Leaf[] {
  if (!isMap(map)) return [];
  return map.items.flatMap(({ key, value }) => {
    const name = `${prefix}${isScalar(key) ? String(key.value) : ''}`;
    const offset = isScalar(key) ? (key.range?.[0] ?? 0) : 0;
    if (isMap(value)) return leavesOf(value, `${name}.`);
    return [{ key: name, offset, node: value }];
  });
}

/** Text of a value; `problem`: it is none that a setting can have. */
function textOf(node: unknown): { readonly text: string } | { readonly problem: string } {
  if (node === null || node === undefined) return { text: '' };
  if (isAlias(node)) return { problem: 'the value itself instead of an alias' };
  if (isScalar(node)) {
    const { value, source } = node;
    if (value === null) return { text: '' };
    return { text: typeof value === 'string' ? value : (source ?? String(value)) };
  }
  if (isSeq(node)) {
    const parts = node.items.map(textOf);
    const texts = parts.flatMap((part) => ('text' in part ? [part.text] : []));
    if (texts.length === parts.length) return { text: texts.join(',') };
  }
  return { problem: 'one value, or a list of them' };
}

/** Known keys in small letters -> the schema's key, or that of a setting of kube-vip that does nothing here. */
const KNOWN: ReadonlyMap<string, string> = new Map([
  ...ALL_SETTINGS.flatMap(([, { env, flag, file }]) =>
    [file, env, flag].flatMap((name) => (name === undefined ? [] : [[name.toLowerCase(), file] as const])),
  ),
  ...UNSUPPORTED_SETTINGS.flatMap(({ env, flag, file }) =>
    [file, env, flag].flatMap((name) =>
      name === undefined ? [] : [[name.toLowerCase(), file ?? env ?? flag ?? name] as const],
    ),
  ),
]);

/** What was found in a file so far. */
class Findings {
  readonly #file: string;
  readonly #setting: string;
  readonly #values = new Map<string, FileValue>();
  readonly #unknown: UnknownKey[] = [];
  readonly problems: SettingProblem[] = [];

  constructor(file: string, setting: string) {
    this.#file = file;
    this.#setting = setting;
  }

  addProblem(line: number, key: string, received: string, expected: string): void {
    this.problems.push({ setting: `${this.#file}:${line}: ${key}`, received, expected });
  }

  /** Nothing in it can be used. */
  refuse(path: string, expected: string): ConfigFile {
    this.problems.push({ setting: this.#setting, received: path, expected });
    return this.outcome();
  }

  take({ key, node }: Leaf, line: number): void {
    const whole = KNOWN.get(key.toLowerCase());
    const root = key.split('.')[0] ?? '';
    const name = whole ?? KNOWN.get(root.toLowerCase());
    const place = `${this.#file}:${line}: ${key}`;
    if (name === undefined) {
      this.#unknown.push({ key, place });
      return;
    }
    const isOurs = FILE_KEYS.has(name);
    const found = isOurs && whole === undefined ? { problem: 'a value, and no map' } : textOf(node);
    // One warning for all that stands below a key of kube-vip.
    if (!isOurs && this.#values.has(name)) return;
    if ('problem' in found) {
      if (isOurs) this.addProblem(line, key, kindOf(node), found.problem);
      else this.#values.set(name, { text: kindOf(node), place });
      return;
    }
    // As in the environment: empty is not said.
    if (found.text.trim() === '') return;
    const earlier = this.#values.get(name);
    if (earlier !== undefined && isOurs) {
      this.addProblem(line, key, found.text, `one value; the same setting stands in ${earlier.place}`);
      return;
    }
    this.#values.set(name, { text: found.text, place });
  }

  outcome(): ConfigFile {
    return { values: Object.fromEntries(this.#values), unknown: this.#unknown, problems: this.problems };
  }
}

const FILE_KEYS: ReadonlySet<string> = new Set(ALL_SETTINGS.map(([, { file }]) => file));

function kindOf(node: unknown): string {
  return isAlias(node) ? `*${node.source}` : isSeq(node) ? '[…]' : '{…}';
}
