// SPDX-License-Identifier: Apache-2.0
import { IPVS_SETTINGS } from '../balance/ipvs/settings.ts';
import { LOOSE_SETTING } from '../balance/protection/strict-tracking.ts';
import { runCommand } from '../system/commands.ts';
import { FORWARDING } from '../system/forwarding.ts';
import { readSetting, writeSetting } from '../system/sysctl.ts';

/** Flags of `agent prepare`. */
export interface PrepareFlags {
  readonly dryRun?: boolean;
  readonly keepGoing?: boolean;
}

/** How the kernel is reached; replaced in tests. */
export interface Kernel {
  /** Value of a setting by its dotted name; undefined where the kernel has none such. */
  readonly read: (name: string) => Promise<string | undefined>;
  /** @throws Error as the kernel says */
  readonly write: (name: string, value: string) => Promise<void>;
  /** Loads a module, unless it is there already. @throws Error as the program says */
  readonly load: (module: string) => Promise<void>;
}

/** What a command reads and writes. */
export interface PrepareRun {
  readonly features: readonly string[];
  readonly flags: PrepareFlags;
  readonly kernel: Kernel;
  readonly write: (text: string) => void;
  readonly complain: (text: string) => void;
}

interface Setting {
  readonly name: string;
  readonly value: string;
}

interface Need {
  readonly modules: readonly string[];
  readonly settings: readonly Setting[];
}

const on = (name: string): Setting => ({ name, value: '1' });
const FORWARDED: readonly Setting[] = [...FORWARDING.values()].map(on);

/** Feature -> what it needs of the node, in the order in which it is set: a module brings its settings. */
const NEEDS: ReadonlyMap<string, Need> = new Map([
  ['nftables', { modules: [], settings: FORWARDED }],
  ['ipvs', { modules: ['ip_vs'], settings: [...IPVS_SETTINGS.map(on), ...FORWARDED] }],
  [
    'syn-proxy',
    {
      modules: ['nf_conntrack', 'nft_synproxy'],
      settings: [{ name: LOOSE_SETTING, value: '0' }],
    },
  ],
]);

/** Features that {@link runPrepare} knows. */
export const FEATURES: readonly string[] = [...NEEDS.keys()];

/** The kernel under this process; settings are those of its network namespace. */
export const kernelOfThisHost: Kernel = {
  read: readSetting,
  write: writeSetting,
  load: async (module) => {
    await runCommand('modprobe', [module]);
  },
};

/**
 * Sets what the features need, one line for each thing. What is as it should be is left alone, so a second run does nothing.
 * One thing that cannot be set keeps none of the others from being set. Resolves with the exit code.
 */
export async function runPrepare(run: PrepareRun): Promise<number> {
  const { features, flags, kernel, write, complain } = run;
  const unknown = features.filter((feature) => !NEEDS.has(feature));
  if (unknown.length > 0) {
    complain(`agent prepare: unknown feature ${quoted(unknown)}; expected ${quoted(FEATURES)}\n`);
    return 1;
  }
  const needs = features.flatMap((feature) => NEEDS.get(feature) ?? []);
  const problems: string[] = [];
  const attempt = async (what: string, act: () => Promise<void>): Promise<void> => {
    if (flags.dryRun === true) return write(`would ${what}\n`);
    try {
      await act();
      write(`${what}\n`);
    } catch (error) {
      problems.push(`cannot ${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  for (const module of new Set(needs.flatMap(({ modules }) => modules))) {
    await attempt(`load the module ${module}`, () => kernel.load(module));
  }
  const settings = new Map(needs.flatMap((need) => need.settings).map(({ name, value }) => [name, value]));
  for (const [name, value] of settings) {
    const received = await kernel.read(name);
    if (received === value) write(`${name} is ${value}\n`);
    else
      await attempt(`set ${name}=${value} (it was ${received ?? 'absent'})`, () => kernel.write(name, value));
  }
  for (const problem of problems) complain(`agent prepare: ${problem}\n`);
  return problems.length === 0 || flags.keepGoing === true ? 0 : 1;
}

function quoted(words: readonly string[]): string {
  return words.map((word) => JSON.stringify(word)).join(', ');
}
