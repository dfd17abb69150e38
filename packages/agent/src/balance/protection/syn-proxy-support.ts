// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import { synProxyProbe } from './skeleton.ts';

/** A module may be loaded, or a right be given, at any time; nobody waits for it every moment. */
const ASK_AGAIN_MS = 60_000;

/** Whether this kernel has a SYN proxy for nftables. Asked when somebody first wants one. */
export class SynProxySupport {
  readonly #nft: (script: string) => Promise<void>;
  readonly #clock: Pick<Clock, 'wallMs'>;
  #answer: { readonly missing: string | undefined; readonly atMs: number } | undefined;

  constructor(nft: (script: string) => Promise<void>, clock: Pick<Clock, 'wallMs'>) {
    this.#nft = nft;
    this.#clock = clock;
  }

  /** Why there is none, for the user; undefined when there is one. Asks the kernel at the first call, and later on after a no. */
  async missing(): Promise<string | undefined> {
    const nowMs = this.#clock.wallMs();
    const known = this.#answer;
    // A wall clock may be set back.
    const isFresh = known !== undefined && Math.abs(nowMs - known.atMs) < ASK_AGAIN_MS;
    if (known !== undefined && (known.missing === undefined || isFresh)) return known.missing;
    const missing = await this.#ask();
    this.#answer = { missing, atMs: nowMs };
    return missing;
  }

  async #ask(): Promise<string | undefined> {
    try {
      await this.#nft(synProxyProbe());
      return undefined;
    } catch (error) {
      const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
      return `this kernel takes no SYN proxy in nftables (${reason}); it needs the module nft_synproxy (CONFIG_NFT_SYNPROXY)`;
    }
  }
}
