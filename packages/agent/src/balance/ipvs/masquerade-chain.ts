// SPDX-License-Identifier: Apache-2.0
import type { Family } from '@fairlead/shared/address/address.ts';
import { CommandError, runCommand } from '../../system/commands.ts';
import {
  additions,
  CHAIN,
  chainScript,
  type MasqueradeRules,
  readChain,
  removals,
} from './masquerade-rules.ts';

/**
 * The usual program first, whatever it writes to; on a host whose kernel does not have that, one of the others works.
 * nftables itself has no word for connections of IPVS.
 */
const PROGRAMS: Readonly<Record<Family, readonly string[]>> = {
  4: ['iptables', 'iptables-legacy', 'iptables-nft'],
  6: ['ip6tables', 'ip6tables-legacy', 'ip6tables-nft'],
};
/** Another program may hold the lock of iptables for so long. */
const LOCK_SECONDS = '5';
const LIMIT_MS = 15_000;
const NO_RULES: MasqueradeRules = new Map();

/** Our chain in the table `nat` of one family, at the front of POSTROUTING. */
export class MasqueradeChain {
  readonly #program: string;
  /** Undefined when a failure leaves open what there is. */
  #rules: MasqueradeRules | undefined;
  /** Rules that an earlier agent left behind: its frontends. */
  readonly leftovers: MasqueradeRules;

  private constructor(program: string, leftovers: MasqueradeRules) {
    this.#program = program;
    this.leftovers = leftovers;
    this.#rules = leftovers;
  }

  /** The chain of an earlier agent; undefined when there is none. */
  static async find(family: Family): Promise<MasqueradeChain | undefined> {
    for (const program of PROGRAMS[family]) {
      // A program that is not there, or does not work, has made none.
      const leftovers = await list(program).catch(() => undefined);
      if (leftovers !== undefined) return new MasqueradeChain(program, leftovers);
    }
    return undefined;
  }

  /**
   * Makes the chain. What an earlier agent left in it stays until the rules are set, so that whoever is killed in between does not
   * forget what is ours.
   *
   * @throws CommandError when no program can do it, with the words of each
   */
  static async open(family: Family): Promise<MasqueradeChain> {
    const failures: CommandError[] = [];
    for (const program of PROGRAMS[family]) {
      try {
        const leftovers = await list(program);
        if (leftovers === undefined) await restore(program, chainScript());
        await jump(program);
        return new MasqueradeChain(program, leftovers ?? NO_RULES);
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        failures.push(error);
      }
    }
    const words = failures.map(({ message }) => message).join('; ');
    throw new CommandError(PROGRAMS[family][0] ?? '', ['-t', 'nat'], 'cannot be used', undefined, words);
  }

  /** Adds what is missing. @throws CommandError */
  async grow(wanted: MasqueradeRules): Promise<void> {
    const had = this.#rules;
    if (had === undefined) return this.#rewrite(wanted);
    const script = additions(had, wanted);
    if (script === undefined) return;
    this.#rules = undefined;
    await restore(this.#program, script);
    this.#rules = new Map([...had, ...wanted]);
  }

  /** Removes what is there no more; after {@link grow}. @throws CommandError */
  async shrink(wanted: MasqueradeRules): Promise<void> {
    const script = this.#rules === undefined ? undefined : removals(this.#rules, wanted);
    if (this.#rules !== undefined && script === undefined) return;
    this.#rules = undefined;
    try {
      if (script === undefined) await this.#rewrite(wanted);
      else await restore(this.#program, script);
    } catch (error) {
      // Somebody else may have removed one, and then none is removed.
      if (!(error instanceof CommandError)) throw error;
      await this.#rewrite(wanted);
    }
    this.#rules = wanted;
  }

  /** Puts back what is missing. Returns whether anything was. @throws CommandError */
  async verify(wanted: MasqueradeRules): Promise<boolean> {
    const found = await list(this.#program);
    const isWhole =
      found !== undefined && additions(found, wanted) === undefined && removals(found, wanted) === undefined;
    if (!isWhole) await this.#rewrite(wanted);
    const wasJumping = await jump(this.#program);
    return !(isWhole && wasJumping);
  }

  /** Removes all. @throws CommandError */
  async close(): Promise<void> {
    this.#rules = undefined;
    const run = (...args: readonly string[]) =>
      runCommand(this.#program, ['-w', LOCK_SECONDS, '-t', 'nat', ...args], { accept: [0, 1, 2] });
    await run('-D', 'POSTROUTING', '-j', CHAIN);
    await run('-F', CHAIN);
    await run('-X', CHAIN);
  }

  /** One transaction: there is no moment without rules. */
  async #rewrite(wanted: MasqueradeRules): Promise<void> {
    this.#rules = undefined;
    const rules = [...wanted.values()].map((rule) => `-A ${rule}\n`).join('');
    await restore(this.#program, chainScript().replace('COMMIT\n', `${rules}COMMIT\n`));
    this.#rules = wanted;
  }
}

async function restore(program: string, script: string): Promise<void> {
  await runCommand(`${program}-restore`, ['-w', LOCK_SECONDS, '--noflush'], {
    input: script,
    timeoutMs: LIMIT_MS,
  });
}

async function list(program: string): Promise<MasqueradeRules | undefined> {
  const args = ['-w', LOCK_SECONDS, '-t', 'nat', '-S', CHAIN];
  // Status 1: there is no such chain.
  const { stdout } = await runCommand(program, args, { accept: [0, 1], timeoutMs: LIMIT_MS });
  return readChain(stdout);
}

/** First of all chains: others may accept before us what was not meant for them. Returns whether it was there. */
async function jump(program: string): Promise<boolean> {
  const run = (verb: string, accept: readonly number[]) =>
    runCommand(program, ['-w', LOCK_SECONDS, '-t', 'nat', verb, 'POSTROUTING', '-j', CHAIN], {
      accept,
      timeoutMs: LIMIT_MS,
    });
  if ((await run('-C', [0, 1, 2])).status === 0) return true;
  await run('-I', [0]);
  return false;
}
