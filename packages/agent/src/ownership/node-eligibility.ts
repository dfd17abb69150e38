// SPDX-License-Identifier: Apache-2.0

import { addressOf, formatAddress } from '@fairlead/shared/address/address.ts';
import { LABEL } from '@fairlead/shared/kubernetes/contract.ts';
import type { LabelSelector } from '@fairlead/shared/kubernetes/label-selector.ts';
import type { Node } from '@fairlead/shared/kubernetes/objects.ts';

/**
 * How far addresses keep away from a node whose agent is alive:
 *
 * - `leave`: what is there goes elsewhere, if there is an elsewhere;
 * - `stay`: nothing new goes there while there is an elsewhere; what is there stays.
 *
 * Never more than that: an address that no other agent can have is better off there than nowhere.
 */
export type Avoidance = 'leave' | 'stay';

/** Node -> how far addresses keep away from it. Nodes that are not in it are welcome. */
export type AvoidedNodes = ReadonlyMap<string, Avoidance>;

/** Nobody is avoided. */
export const NONE_AVOIDED: AvoidedNodes = new Map();

/** Whether the same nodes are avoided in the same way. */
export function sameAvoided(a: AvoidedNodes = NONE_AVOIDED, b: AvoidedNodes = NONE_AVOIDED): boolean {
  return a === b || (a.size === b.size && [...a].every(([node, avoidance]) => b.get(node) === avoidance));
}

/** What somebody who looks at a Node object for its eligibility finds. */
export interface AvoidedNode {
  readonly avoidance: Avoidance;
  /** Which part of the Node says so, in words. */
  readonly reason: string;
}

/**
 * Taints by which an operator or a controller says that the machine is going or gone. Other taints say which pods may run
 * there; whether the agent is one of them is up to its tolerations, and an agent that is evicted hands over by itself.
 * Those that repeat a condition (`not-ready`, `unreachable`) come and go later than the condition, which counts.
 */
const LEAVING_TAINTS: ReadonlySet<string> = new Set([
  'node.kubernetes.io/out-of-service',
  'node.cloudprovider.kubernetes.io/shutdown',
  'ToBeDeletedByClusterAutoscaler',
]);

/** Conditions that are good when they are `True`, or when nobody has said anything. */
const GOOD_WHEN_TRUE = 'Ready';
/** Conditions that are bad when they are `True`. */
const BAD_WHEN_TRUE = 'NetworkUnavailable';

/**
 * Whether, and why, addresses keep away from a node. Only what its Node object says counts, so that every agent comes to
 * the same result. A node that is not Ready only gets nothing new: its kubelet has fallen silent, its agent has not, or
 * it would have lost its addresses already. Pure.
 */
export function avoidedNode(node: Node): AvoidedNode | undefined {
  const { labels = {}, deletionTimestamp } = node.metadata ?? {};
  const taints = node.spec?.taints ?? [];
  const leave = (reason: string) => ({ avoidance: 'leave', reason }) as const;
  const stay = (reason: string) => ({ avoidance: 'stay', reason }) as const;
  // Kubernetes looks for the key alone; so `…: "false"` excludes, too.
  if (labels[LABEL.excludeFromLoadBalancers] !== undefined) {
    return leave(`label ${LABEL.excludeFromLoadBalancers}`);
  }
  if (deletionTimestamp !== undefined) return leave('the Node is being deleted');
  const leaving = taints.find(({ key }) => LEAVING_TAINTS.has(key));
  if (leaving !== undefined) return leave(`taint ${leaving.key}`);
  for (const { type, status } of node.status?.conditions ?? []) {
    if (type === GOOD_WHEN_TRUE && status !== 'True') return stay(`condition ${type} is ${status}`);
    if (type === BAD_WHEN_TRUE && status === 'True') return stay(`condition ${type} is ${status}`);
  }
  return undefined;
}

interface NodeFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly avoided: AvoidedNode | undefined;
  readonly addresses: readonly string[];
  /** The same text for the same facts. */
  readonly signature: string;
}

/** A Node never changes in place: every version is an object of its own, so what was read from it can be kept. */
const readNodes = new WeakMap<Node, NodeFacts>();

function factsOf(node: Node): NodeFacts {
  const read = readNodes.get(node);
  if (read !== undefined) return read;
  const labels = node.metadata?.labels ?? {};
  const avoided = avoidedNode(node);
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
  const addresses = internalAddresses(node);
  const signature = JSON.stringify([sorted, avoided?.avoidance, avoided?.reason, addresses]);
  const facts = { name: node.metadata?.name ?? '', labels, avoided, addresses, signature };
  readNodes.set(node, facts);
  return facts;
}

function internalAddresses({ status }: Node): readonly string[] {
  return (status?.addresses ?? []).flatMap(({ type, address }) => {
    const known = type === 'InternalIP' ? addressOf(address) : undefined;
    return known === undefined ? [] : [formatAddress(known)];
  });
}

/** Whether two versions of a Node say the same as far as the agent reads them. */
export function sayTheSame(a: Node, b: Node): boolean {
  return factsOf(a).signature === factsOf(b).signature;
}

/** What all Node objects together say about eligibility. Immutable. */
export class NodeBook {
  /** Nothing is known of any node: nobody is avoided, and no selector finds anybody. */
  static readonly unknown: NodeBook = new NodeBook([], false);

  /** The Nodes have been listed at least once. */
  readonly isKnown: boolean;
  readonly avoided: AvoidedNodes;
  readonly #nodes: ReadonlyMap<string, NodeFacts>;
  #addresses: ReadonlySet<string> | undefined;
  /** Selector -> names; the same object for the same selector. */
  readonly #selected = new Map<string, ReadonlySet<string>>();

  private constructor(nodes: readonly NodeFacts[], isKnown: boolean) {
    this.isKnown = isKnown;
    this.#nodes = new Map(nodes.map((facts) => [facts.name, facts]));
    this.avoided = new Map(
      nodes.flatMap(({ name, avoided }) =>
        avoided === undefined ? [] : [[name, avoided.avoidance] as const],
      ),
    );
  }

  /**
   * Reads the Node objects. Returns `previous` when they say the same as before: heartbeats change Nodes all the time.
   * Nodes that have never been listed leave everything as it was.
   */
  static read(nodes: Iterable<Node>, isKnown: boolean, previous: NodeBook = NodeBook.unknown): NodeBook {
    if (!isKnown) return previous;
    const facts = [...nodes].map(factsOf).filter(({ name }) => name !== '');
    return previous.isKnown && previous.#saysTheSame(facts) ? previous : new NodeBook(facts, true);
  }

  /** Names of the nodes whose labels the selector chooses. */
  selected(selector: LabelSelector): ReadonlySet<string> {
    let names = this.#selected.get(selector.text);
    if (names === undefined) {
      names = new Set(
        [...this.#nodes.values()].flatMap(({ name, labels }) => (selector.matches(labels) ? [name] : [])),
      );
      this.#selected.set(selector.text, names);
    }
    return names;
  }

  /** Where its own network knows a node, in its order. Canonical text. */
  addressesOf(node: string): readonly string[] {
    return this.#nodes.get(node)?.addresses ?? [];
  }

  /** Of all nodes; the same object at each call. Canonical text. */
  allAddresses(): ReadonlySet<string> {
    this.#addresses ??= new Set([...this.#nodes.values()].flatMap(({ addresses }) => addresses));
    return this.#addresses;
  }

  /** Why a node is avoided, or undefined. */
  why(node: string): AvoidedNode | undefined {
    return this.#nodes.get(node)?.avoided;
  }

  #saysTheSame(facts: readonly NodeFacts[]): boolean {
    return (
      facts.length === this.#nodes.size &&
      facts.every(({ name, signature }) => this.#nodes.get(name)?.signature === signature)
    );
  }
}
