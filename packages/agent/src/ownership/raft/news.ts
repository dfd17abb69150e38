// SPDX-License-Identifier: Apache-2.0
import { MAX_NEWS_PER_MESSAGE, type News, type NewsChange } from './messages.ts';

/** Most messages at a time to one member that has missed much. */
const MAX_MESSAGES = 4;

/** The log of changes is cleared of overtaken ones when it is this much longer than what there is to tell. */
const SLACK = 64;

/** Losses of a node that are not forgiven, as far as another coordinator has told. */
export interface KnownLosses {
  readonly losses: number;
  /** Since when it is so, or a little later. */
  readonly sinceMs: number;
}

/** The coordinator's side: what all should know of owners and members, as numbered changes. */
export class NewsLog {
  /** Owner of address or state of member -> latest change. */
  readonly #latest = new Map<string, { readonly version: number; readonly change: NewsChange }>();
  /** Changes in their order; some have been overtaken. */
  #changes: { readonly version: number; readonly key: string }[] = [];
  #version = 0;

  get version(): number {
    return this.#version;
  }

  /** False when that is no news. */
  setOwner(address: string, node: string): boolean {
    const known = this.#latest.get(`a${address}`)?.change;
    if (known === undefined ? node === '' : known.kind === 'owner' && known.node === node) return false;
    return this.#add(`a${address}`, { kind: 'owner', address, node });
  }

  /** `silentMs`: how long it had been silent, for one that is given up. */
  setMember(node: string, state: 'up' | 'lost' | 'left', silentMs = 0): boolean {
    const known = this.#latest.get(`m${node}`)?.change;
    if (known?.kind === 'member' && known.state === state) return false;
    const losses = known?.kind === 'member' ? known.losses : 0;
    return this.#add(`m${node}`, { kind: 'member', node, state, silentMs: wholeMs(silentMs), losses });
  }

  /** How often a node has failed lately, so that the next coordinator knows. Only of members; false when that is no news. */
  setLosses(node: string, count: number): boolean {
    const losses = Math.min(count, MAX_LOSSES);
    const known = this.#latest.get(`m${node}`)?.change;
    if (known?.kind !== 'member' || known.losses === losses) return false;
    return this.#add(`m${node}`, { ...known, losses });
  }

  /** What somebody at `version` has to be told next; it asks again for the rest. */
  since(version: number): readonly News[] {
    const messages: News[] = [];
    let base = version <= this.version ? version : 0;
    while (base < this.version && messages.length < MAX_MESSAGES) {
      const news = this.#next(base);
      messages.push(news);
      base = news.version;
    }
    return messages;
  }

  #next(base: number): News {
    const changes: NewsChange[] = [];
    let version = this.#version;
    for (let index = this.#firstAfter(base); index < this.#changes.length; index++) {
      const next = this.#changes[index];
      const latest = this.#latest.get(next?.key ?? '');
      // Changes that were overtaken are left out: who has the later one does not miss them.
      if (next === undefined || latest?.version !== next.version) continue;
      if (changes.length === MAX_NEWS_PER_MESSAGE) {
        version = next.version - 1;
        break;
      }
      changes.push(latest.change);
    }
    return { type: 'news', base, version, changes };
  }

  #firstAfter(version: number): number {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#changes[middle]?.version ?? 0) <= version) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #add(key: string, change: NewsChange): true {
    this.#version++;
    this.#changes.push({ version: this.#version, key });
    this.#latest.set(key, { version: this.#version, change });
    // A reign can last for months.
    if (this.#changes.length > 2 * this.#latest.size + SLACK) {
      this.#changes = this.#changes.filter((each) => this.#latest.get(each.key)?.version === each.version);
    }
    return true;
  }
}

/** As it travels: 8 bits. */
const MAX_LOSSES = 0xff;

/** As it travels: 16 bits. */
function wholeMs(ms: number): number {
  return Math.min(Math.max(Math.round(ms), 0), 0xffff);
}

/** The member's side. Kept when the coordinator changes, until the new one's first news. */
export class NewsView {
  readonly #owners = new Map<string, string>();
  readonly #members = new Map<string, 'up' | 'lost' | 'left'>();
  readonly #silences = new Map<string, number>();
  readonly #losses = new Map<string, KnownLosses>();
  #version = 0;

  /** Version that we have of the present coordinator's news. */
  get version(): number {
    return this.#version;
  }

  /** Address -> node that owns it. */
  get owners(): ReadonlyMap<string, string> {
    return this.#owners;
  }

  get members(): ReadonlyMap<string, 'up' | 'lost' | 'left'> {
    return this.#members;
  }

  /** Member that was given up -> for how long it had been silent then; only where that was measured. */
  get silences(): ReadonlyMap<string, number> {
    return this.#silences;
  }

  /** How often nodes have failed lately, for those that have. Outlives the coordinator that has told it. */
  get losses(): ReadonlyMap<string, KnownLosses> {
    return this.#losses;
  }

  /** Another coordinator: its versions are its own. */
  restart(): void {
    this.#version = 0;
  }

  /** False when that is old, or when something before it is missing. */
  take(news: News, nowMs: number): boolean {
    if (news.base > this.#version || news.version <= this.#version) return false;
    if (news.base === 0 && this.#version === 0) {
      this.#owners.clear();
      this.#members.clear();
      this.#silences.clear();
    }
    this.#version = news.version;
    for (const change of news.changes) this.#apply(change, nowMs);
    return true;
  }

  #apply(change: NewsChange, nowMs: number): void {
    if (change.kind === 'member') {
      this.#members.set(change.node, change.state);
      this.#applyLosses(change.node, change.losses, nowMs);
      if (change.silentMs > 0) this.#silences.set(change.node, change.silentMs);
      else this.#silences.delete(change.node);
    } else if (change.node === '') this.#owners.delete(change.address);
    else this.#owners.set(change.address, change.node);
  }

  #applyLosses(node: string, losses: number, nowMs: number): void {
    if (losses === 0) this.#losses.delete(node);
    // A new coordinator says again what the one before has said.
    else if (this.#losses.get(node)?.losses !== losses) this.#losses.set(node, { losses, sinceMs: nowMs });
  }
}
