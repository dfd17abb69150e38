// SPDX-License-Identifier: Apache-2.0
import type { Candidates } from '../../services/served-service.ts';
import { type AvoidedNodes, NONE_AVOIDED, sameAvoided } from '../node-eligibility.ts';
import { rendezvousWeight } from '../rank.ts';
import type { PlacementGroup } from './placement-group.ts';
import type { NodeStanding } from './standing.ts';

/** A group with its node. Mutable inside of `Placement` only. */
export interface Unit {
  readonly addresses: readonly string[];
  readonly seed: number;
  candidates: Candidates;
  avoided: AvoidedNodes;
  node: PlacedNode | undefined;
}

/** A node with what is on it. Mutable inside of `Placement` only. */
export interface PlacedNode {
  readonly name: string;
  readonly standing: NodeStanding;
  readonly units: Set<Unit>;
  /** Addresses on it. */
  load: number;
}

/** Whether a node can serve the unit at all. */
export function isCandidate({ candidates }: Unit, node: string): boolean {
  return candidates === 'any' || candidates.has(node);
}

/** The unit can be on this node and be answered for. */
export function mayKeep(unit: Unit, { name, standing }: PlacedNode): boolean {
  return standing.condition === 'ready' && isCandidate(unit, name);
}

/** As {@link choose}, leaving out the nodes that are to be avoided. */
export function chooseWelcome(
  unit: Unit,
  nodes: readonly PlacedNode[],
  capacity: number,
): PlacedNode | undefined {
  if (unit.avoided.size === 0) return choose(unit, nodes, capacity);
  return choose(
    unit,
    nodes.filter(({ name }) => !unit.avoided.has(name)),
    capacity,
  );
}

/** A node that leaves keeps what nobody else can have, until it is gone. */
export function mayStay(unit: Unit): boolean {
  return unit.node?.standing.condition === 'draining' && isCandidate(unit, unit.node.name);
}

/** First candidate by rendezvous hash that has room; the emptiest when none has. */
export function choose(unit: Unit, nodes: readonly PlacedNode[], capacity: number): PlacedNode | undefined {
  let best: PlacedNode | undefined;
  let bestWeight = -1;
  let emptiest: PlacedNode | undefined;
  for (const node of nodes) {
    if (!isCandidate(unit, node.name)) continue;
    if (emptiest === undefined || isEmptier(unit, node, emptiest)) emptiest = node;
    if (node.load + unit.addresses.length > Math.ceil(capacity)) continue;
    const weight = rendezvousWeight(unit.seed, node.name);
    if (weight < bestWeight || (weight === bestWeight && best !== undefined && best.name < node.name))
      continue;
    best = node;
    bestWeight = weight;
  }
  return best ?? emptiest;
}

function isEmptier(unit: Unit, a: PlacedNode, b: PlacedNode): boolean {
  return a.load < b.load || (a.load === b.load && outranks(unit.seed, a, b));
}

/** Whether `a` comes before `b` for this key; by name where the hash says nothing. */
export function outranks(seed: number, a: PlacedNode, b: PlacedNode): boolean {
  const difference = rendezvousWeight(seed, a.name) - rendezvousWeight(seed, b.name);
  return difference > 0 || (difference === 0 && a.name < b.name);
}

/** The unit on `from` that prefers `to` most, among those whose move makes the fuller of the two less full. */
export function mostWilling(from: PlacedNode, to: PlacedNode): Unit | undefined {
  let best: Unit | undefined;
  let bestWeight = -1;
  for (const unit of from.units) {
    if (!isCandidate(unit, to.name) || to.load + unit.addresses.length >= from.load) continue;
    const weight = rendezvousWeight(unit.seed, to.name);
    const isFirst = best === undefined || compare(unit.addresses[0] ?? '', best.addresses[0] ?? '') < 0;
    if (weight < bestWeight || (weight === bestWeight && !isFirst)) continue;
    best = unit;
    bestWeight = weight;
  }
  return best;
}

/** When the next node that is still too new will have settled. */
export function soonest(nodes: readonly PlacedNode[], nowMs: number): number {
  let next = Number.POSITIVE_INFINITY;
  for (const { standing } of nodes) {
    const settledMs = standing.settledAtMs();
    if (settledMs > nowMs && settledMs < next) next = settledMs;
  }
  return next;
}

/** Whether two lists have the same entries in the same order. */
export function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

/** Whether a group wants the same of nodes as it did when the unit was made. */
export function sameCandidates(
  unit: Unit,
  { candidates: b, avoided = NONE_AVOIDED }: PlacementGroup,
): boolean {
  const { candidates: a } = unit;
  if (!sameAvoided(unit.avoided, avoided)) return false;
  if (a === b) return true;
  return a !== 'any' && b !== 'any' && a.size === b.size && [...a].every((node) => b.has(node));
}

/** Order of texts by their code units, for `sort`. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
