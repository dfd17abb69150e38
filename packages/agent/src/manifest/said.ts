// SPDX-License-Identifier: Apache-2.0
import { parseBool } from '@fairlead/shared/runtime/settings.ts';
import { SETTINGS } from '../config/names.ts';
import { UNSUPPORTED_SETTINGS } from '../config/unsupported.ts';

/** Where the generator finds what a user wants: the same two places as the manager, which let the environment win. */
export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Flags that were given, by long name. */
  readonly flags: Readonly<Record<string, string>>;
}

/** One setting that a manifest can carry. */
interface Setting {
  readonly env?: string;
  readonly flag?: string;
}

/** Every setting that the manager knows by name, those first that it acts on. */
const ALL: readonly Setting[] = [...Object.values(SETTINGS), ...UNSUPPORTED_SETTINGS];

/** What was said about the settings, by their names in the environment. */
export class Said {
  readonly #texts: ReadonlyMap<string, string>;
  readonly #flagsAlone: Readonly<Record<string, string>>;

  constructor({ env, flags }: Sources) {
    const texts = new Map<string, string>();
    const alone: Record<string, string> = {};
    for (const setting of ALL) {
      const fromFlag = setting.flag === undefined ? undefined : flags[setting.flag]?.trim();
      if (setting.env === undefined) {
        if (setting.flag !== undefined && fromFlag !== undefined) alone[setting.flag] = fromFlag;
        continue;
      }
      // An empty variable says nothing, an empty flag does.
      const text = env[setting.env]?.trim() || fromFlag;
      if (text !== undefined && !texts.has(setting.env)) texts.set(setting.env, text);
    }
    this.#texts = texts;
    this.#flagsAlone = alone;
  }

  /** What was said about a setting; undefined: nothing. */
  text(env: string): string | undefined {
    return this.#texts.get(env);
  }

  /** Like {@link text}, with nothing and the empty text being the same. */
  nonEmpty(env: string): string | undefined {
    return this.#texts.get(env) || undefined;
  }

  /** Was a truth value said to be true? Something else than a truth value is found by the reader of the settings. */
  isOn(env: string): boolean {
    const truth = parseBool(this.#texts.get(env) ?? '');
    return truth.ok && truth.value;
  }

  /** Names of all settings of which something was said, those first that the manager acts on. */
  names(): readonly string[] {
    return [...this.#texts.keys()];
  }

  /** Flags that have no name in the environment. */
  flagsAlone(): Readonly<Record<string, string>> {
    return this.#flagsAlone;
  }
}
