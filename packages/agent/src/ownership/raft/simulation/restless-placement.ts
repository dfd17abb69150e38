// SPDX-License-Identifier: Apache-2.0
import { rendezvousRank } from '../../rank.ts';
import type { Placer } from '../coordinator.ts';
import type { Move } from '../placement.ts';
import type { PlacementGroup } from '../placement-group.ts';

/** What rule 7 forbids: every address goes to its first choice as soon as that is there. */
export class RestlessPlacement implements Placer {
  readonly #placed = new Map<string, string>();
  #groups: readonly PlacementGroup[] = [];
  #nodes: readonly string[] = [];

  remember(): void {}

  lossesOf(): number {
    return 0;
  }

  adopt(address: string, node: string): void {
    this.#placed.set(address, node);
  }

  setGroups(groups: readonly PlacementGroup[]): void {
    this.#groups = groups;
  }

  setNodes(conditions: Parameters<Placer['setNodes']>[0]): void {
    this.#nodes = [...conditions].filter(([, condition]) => condition === 'ready').map(([name]) => name);
  }

  place(): readonly Move[] {
    const moves: Move[] = [];
    const wanted = new Set(this.#groups.flatMap(({ addresses }) => addresses));
    for (const address of new Set([...wanted, ...this.#placed.keys()])) {
      const to = wanted.has(address)
        ? this.#nodes.find((node) => rendezvousRank(address, node, this.#nodes) === 0)
        : undefined;
      const from = this.#placed.get(address);
      if (from === to) continue;
      if (to === undefined) this.#placed.delete(address);
      else this.#placed.set(address, to);
      moves.push({ address, from, to, reason: 'placed' });
    }
    return moves;
  }

  nextMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  nodeOf(address: string): string | undefined {
    return this.#placed.get(address);
  }
}
