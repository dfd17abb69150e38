// SPDX-License-Identifier: Apache-2.0
import type { Parsed } from '@fairlead/shared/address/parsed.ts';
import type { SettingProblem } from '@fairlead/shared/runtime/settings.ts';

/** What was found wrong, and what was found and means nothing, while a document is read. */
export interface Findings {
  readonly problems: SettingProblem[];
  /** Keys that nobody has asked for: written wrongly, or for another program. */
  readonly unknown: string[];
}

/** Bounds of a whole number, both included. */
export interface IntegerRange {
  readonly min: number;
  readonly max: number;
}

/** Every port that can be listened on. */
export const PORT: IntegerRange = { min: 1, max: 65_535 };

/**
 * One mapping of a YAML document, read key by key. A bad value never throws: the fallback is returned and the problem noted,
 * by the key's path (`loadBalancers[0].port`), so that all of them can be told at once. Numbers and truth values may also be
 * texts, as they are when they come from a command line.
 */
export class Section {
  readonly path: string;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #findings: Findings;
  readonly #asked = new Set<string>();

  /** `value`: anything; what is no mapping is noted and read as an empty one. */
  constructor(value: unknown, findings: Findings, path = '') {
    this.path = path;
    this.#findings = findings;
    this.#values = isMapping(value) ? value : {};
    if (!isMapping(value) && value !== null && value !== undefined)
      this.#note(path, value, 'a mapping of keys to values');
  }

  /** Whether there is a value at all. */
  has(key: string): boolean {
    return this.#take(key) !== undefined;
  }

  /** Any text; numbers count as what was written. */
  string(key: string): string | undefined {
    const value = this.#take(key);
    if (value === undefined || typeof value === 'string') return value === '' ? undefined : value;
    if (typeof value === 'number') return String(value);
    this.problem(key, 'a text');
    return undefined;
  }

  /** Text of a form of its own. */
  parse<T>(key: string, parse: (text: string) => Parsed<T>): T | undefined {
    const text = this.string(key);
    if (text === undefined) return undefined;
    const result = parse(text);
    if (result.ok) return result.value;
    this.problem(key, result.problem);
    return undefined;
  }

  /** One of a few words; capitals do not matter. */
  oneOf<T extends string>(key: string, words: readonly T[]): T | undefined {
    const text = this.string(key)?.toLowerCase();
    if (text === undefined) return undefined;
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) this.problem(key, `one of ${words.join(', ')}`);
    return word;
  }

  bool(key: string, fallback: boolean): boolean {
    const value = this.#take(key);
    if (value === undefined) return fallback;
    if (value === true || value === 'true' || value === '') return true;
    if (value === false || value === 'false') return false;
    this.problem(key, 'true or false');
    return fallback;
  }

  integer(key: string, { min, max }: IntegerRange): number | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max)
      return number;
    this.problem(key, `a whole number from ${min} to ${max}`);
    return undefined;
  }

  /** A mapping under a key; undefined when there is none. */
  section(key: string): Section | undefined {
    const value = this.#take(key);
    return value === undefined ? undefined : new Section(value, this.#findings, this.#pathOf(key));
  }

  /** The mappings of a list. */
  sections(key: string): readonly Section[] {
    return this.#list(key).map(
      (value, index) => new Section(value, this.#findings, `${this.#pathOf(key)}[${index}]`),
    );
  }

  /** A list of texts, or one text with commas. */
  strings(key: string): readonly string[] {
    const value = this.#take(key);
    if (typeof value === 'string') {
      return value
        .split(',')
        .map((entry) => entry.trim())
        .filter((entry) => entry !== '');
    }
    const entries = this.#list(key);
    if (entries.every((entry) => typeof entry === 'string')) return entries;
    this.problem(key, 'a list of texts');
    return [];
  }

  /** Notes a problem with what stands under a key, whatever it is. */
  problem(key: string, expected: string): void {
    this.#note(this.#pathOf(key), this.#values[key], expected);
  }

  /** After all has been read: notes the keys that nobody has asked for. */
  finish(): void {
    for (const key of Object.keys(this.#values)) {
      if (!this.#asked.has(key)) this.#findings.unknown.push(this.#pathOf(key));
    }
  }

  #list(key: string): readonly unknown[] {
    const value = this.#take(key);
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    this.problem(key, 'a list');
    return [];
  }

  #take(key: string): unknown {
    this.#asked.add(key);
    return this.#values[key] ?? undefined;
  }

  #pathOf(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  #note(setting: string, value: unknown, expected: string): void {
    const received = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
    this.#findings.problems.push({ setting, received, expected });
  }
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
