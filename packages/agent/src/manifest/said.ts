// SPDX-License-Identifier: Apache-2.0
import { parseBool } from '@fairlead/shared/runtime/parse-values.ts';
import { SETTINGS } from '../config/names.ts';
import type { SettingInputs } from '../config/setting-inputs.ts';
import { settingsReader } from '../config/settings.ts';
import { UNSUPPORTED_SETTINGS } from '../config/unsupported.ts';

/** Where the generator finds what a user wants: the same places as the manager, in the same order. */
export type Sources = Pick<SettingInputs, 'env' | 'flags' | 'file'>;

/** One setting that a manifest can carry. */
interface Setting {
  readonly env?: string;
  readonly flag?: string;
  readonly file?: string;
}

/** Every setting that the manager knows by name, those first that it acts on. */
const ALL: readonly Setting[] = [...Object.values(SETTINGS), ...UNSUPPORTED_SETTINGS];

/** The one setting that means something when it is set to nothing: Services without a class. */
export const MAY_BE_EMPTY: string = SETTINGS.className.env;

/** What was said about the settings, by their names in the environment. */
export class Said {
  readonly #texts: ReadonlyMap<string, string>;
  readonly #flagsAlone: Readonly<Record<string, string>>;

  constructor(sources: Sources) {
    const reader = settingsReader({ ...sources, hostName: '' });
    const texts = new Map<string, string>();
    const alone: Record<string, string> = {};
    for (const setting of ALL) {
      const { env, flag, file = env ?? flag ?? '' } = setting;
      const text = reader.given({ ...setting, file })?.text;
      if (text === undefined) continue;
      if (env !== undefined) texts.set(env, texts.get(env) ?? text);
      else if (flag !== undefined) alone[flag] = text;
    }
    if (sources.env[MAY_BE_EMPTY] === '') texts.set(MAY_BE_EMPTY, '');
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
