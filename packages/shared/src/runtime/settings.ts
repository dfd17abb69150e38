// SPDX-License-Identifier: Apache-2.0
import { type Parsed, parsed, unparsable } from '../address/parsed.ts';
import { type DurationOptions, parseBool, parseDurationMs, parseInteger } from './parse-values.ts';
import type { ValueType } from './value-types.ts';

/** Where a setting may come from. Names are exact: environment `vip_interface`, flag `leader-elect` (no dashes in front). */
export interface SettingName {
  readonly env?: string;
  readonly flag?: string;
  /** Key in a configuration file. */
  readonly file?: string;
  /** Never to be shown: whoever reads logs must not learn it. */
  readonly secret?: boolean;
}

/** One value of a configuration file. */
export interface FileValue {
  readonly text: string;
  /** How a person finds it, for example `agent.yaml:3: leaseDuration`. */
  readonly place: string;
}

/** A setting as it was given. */
export interface GivenSetting {
  readonly source: 'environment' | 'flag' | 'file';
  /** `vip_leaseduration`, `--port` or `agent.yaml:3: leaseDuration`. */
  readonly setting: string;
  readonly text: string;
}

/** What is shown in the place of a secret. */
export const HIDDEN = '(hidden)';

/** One setting that cannot be used: which one, what was received and what was expected. */
export interface SettingProblem {
  /** `vip_leaseduration` or `--port`. */
  readonly setting: string;
  readonly received: string;
  readonly expected: string;
}

/** All settings that cannot be used, in one error, so that a user mends them in one go. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly SettingProblem[];

  constructor(problems: readonly SettingProblem[]) {
    const lines = problems.map(
      ({ setting, received, expected }) => `  ${setting}="${received}": expected ${expected}`,
    );
    super(
      `${problems.length === 1 ? 'A setting' : `${problems.length} settings`} cannot be used:\n${lines.join('\n')}`,
    );
    this.problems = problems;
  }
}

/** What a {@link SettingsReader} reads from. */
export interface SettingSources {
  /** Usually `process.env`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Flags given on the command line, by long name without dashes (see `flagsOf`). */
  readonly flags?: Readonly<Record<string, string>>;
  /** Which one wins when both are given; kube-vip lets the environment win. Default: flag. */
  readonly prefer?: 'env' | 'flag';
  /** Values of a configuration file by {@link SettingName.file}; they count where neither environment nor flags say anything. */
  readonly file?: Readonly<Record<string, FileValue>>;
}

/**
 * Reads typed settings from environment and flags. A bad value never throws at once: the default is returned, the
 * problem is kept, and {@link SettingsReader.finish} reports all of them together. An empty environment variable counts
 * as not set, as in the peers' manifests (`value: ""`).
 */
export class SettingsReader {
  readonly #sources: SettingSources;
  readonly #problems: SettingProblem[] = [];

  constructor(sources: SettingSources) {
    this.#sources = sources;
  }

  /** Problems found so far. */
  get problems(): readonly SettingProblem[] {
    return this.#problems;
  }

  /** Throws a {@link SettingsError} when anything read so far was bad. Call it once, after the last read. */
  finish(): void {
    if (this.#problems.length > 0) throw new SettingsError(this.#problems);
  }

  /** Adds a problem found by the caller, for example two settings that exclude each other. */
  addProblem(problem: SettingProblem): void {
    this.#problems.push(problem);
  }

  /** Whether the setting was given at all. */
  isSet(name: SettingName): boolean {
    return this.given(name) !== undefined;
  }

  /** Reads a setting of a schema; `fallback` instead of the schema's where the default depends on something. */
  value<T>(spec: SettingName & { readonly value: ValueType<T> }, fallback: T = spec.value.fallback): T {
    return this.read(spec, spec.value.parse, fallback);
  }

  /** Whether the setting was read and could not be used. */
  isRefused(name: SettingName): boolean {
    const given = this.given(name);
    return this.#problems.some(({ setting }) => setting === given?.setting);
  }

  /** The name under which a setting was given, or could be. */
  nameOf(name: SettingName): string {
    return this.given(name)?.setting ?? name.env ?? `--${name.flag ?? ''}`;
  }

  /** The setting as it was given, from the place that counts; undefined: nowhere. */
  given(name: SettingName): GivenSetting | undefined {
    const { env, flags, file, prefer } = this.#sources;
    const places: readonly (() => GivenSetting | undefined)[] = [
      () => fromEnvironment(name, env),
      () => fromFlags(name, flags ?? {}),
    ];
    const [first, second] = prefer === 'env' ? places : places.toReversed();
    return first?.() ?? second?.() ?? fromFile(name, file ?? {});
  }

  /** Reads a setting with a parser of the caller's. A problem's text should say what was expected. */
  read<T>(name: SettingName, parse: (text: string) => Parsed<T>, fallback: T): T {
    const found = this.given(name);
    if (found === undefined) return fallback;
    const result = parse(found.text);
    if (result.ok) return result.value;
    const received = name.secret === true ? HIDDEN : found.text;
    this.#problems.push({ setting: found.setting, received, expected: result.problem });
    return fallback;
  }

  /** Any text. */
  string(name: SettingName, fallback: string): string {
    return this.given(name)?.text ?? fallback;
  }

  /** Any text, or undefined when not given. */
  optionalString(name: SettingName): string | undefined {
    return this.given(name)?.text;
  }

  /** Truth value in the spellings of Go's flag package (1, t, true, 0, f, false in any case). */
  bool(name: SettingName, fallback: boolean): boolean {
    return this.read(name, parseBool, fallback);
  }

  /** Whole number in a closed range. */
  integer(
    name: SettingName,
    fallback: number,
    range: { readonly min: number; readonly max: number },
  ): number {
    return this.read(name, (text) => parseInteger(text, range), fallback);
  }

  /**
   * Duration in milliseconds: Go notation (`1m30s`, `500ms`), or a bare number in `bareUnit` (the peers' environment
   * variables count seconds).
   */
  durationMs(name: SettingName, fallbackMs: number, options: DurationOptions = {}): number {
    return this.read(name, (text) => parseDurationMs(text, options), fallbackMs);
  }

  /** One of a few words. */
  oneOf<T extends string>(name: SettingName, words: readonly T[], fallback: T): T {
    return this.read(
      name,
      (text) => {
        const word = words.find((candidate) => candidate === text);
        return word === undefined ? unparsable(`one of ${words.join(', ')}`) : parsed(word);
      },
      fallback,
    );
  }

  /** Comma-separated list; entries are trimmed, empty ones dropped. */
  list(name: SettingName, fallback: readonly string[] = []): readonly string[] {
    const found = this.given(name);
    if (found === undefined) return fallback;
    return found.text
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '');
  }
}

function fromEnvironment({ env: name }: SettingName, env: SettingSources['env']): GivenSetting | undefined {
  const text = name === undefined ? undefined : env[name]?.trim();
  return text && name ? { source: 'environment', setting: name, text } : undefined;
}

function fromFlags({ flag }: SettingName, flags: Readonly<Record<string, string>>): GivenSetting | undefined {
  const text = flag === undefined ? undefined : flags[flag];
  return text === undefined ? undefined : { source: 'flag', setting: `--${flag}`, text: text.trim() };
}

function fromFile(
  { file: key }: SettingName,
  values: Readonly<Record<string, FileValue>>,
): GivenSetting | undefined {
  const found = key === undefined ? undefined : values[key];
  return found === undefined ? undefined : { source: 'file', setting: found.place, text: found.text.trim() };
}
