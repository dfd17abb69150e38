// SPDX-License-Identifier: Apache-2.0
import { count } from './tally.ts';
import type { Direction } from './value-set.ts';

/** An address and the ports in use at it. */
export interface Occupied {
  readonly value: bigint;
  uses(port: string): boolean;
  ports(): Iterable<string>;
}

/** How the ports in use at an address have changed. */
export interface PortChange {
  readonly gained: readonly string[];
  readonly lost: readonly string[];
}

/** Most children of a branch. */
const WIDTH = 32;

/**
 * Addresses in order, in a tree whose every branch knows how many of its addresses use a port. Who looks for the next
 * address where certain ports are free passes a branch in one step when all of it uses one of them: 10,000 addresses where
 * TCP/80 is in use cost what one costs. For one port that is exact; for several, branches are searched in vain whose
 * every address uses one of them, but not all the same.
 */
export class PortTree {
  #root = new Branch([]);

  get isEmpty(): boolean {
    return this.#root.size === 0;
  }

  /** Adds an address. It must not be there. */
  add(address: Occupied): void {
    insert(this.#root, address, { gained: [...address.ports()], lost: [] });
    const half = this.#root.split();
    if (half !== undefined) this.#root = new Branch([this.#root, half]);
  }

  /** Takes note of an address whose ports have changed, or that another object stands for now. */
  replace(address: Occupied, change: PortChange): void {
    edit(this.#root, address.value, change, 0, (children, at) => children.splice(at, 1, address));
  }

  /** Removes an address where these ports were in use. */
  remove(value: bigint, ports: readonly string[]): void {
    edit(this.#root, value, { gained: [], lost: ports }, -1, (children, at) => children.splice(at, 1));
    const [only] = this.#root.children;
    if (only instanceof Branch && this.#root.children.length === 1) this.#root = only;
  }

  /** The nearest address from `from` on where none of the ports is in use. */
  next(ports: readonly string[], from: bigint, direction: Direction): bigint | undefined {
    return find(this.#root, ports, from, direction);
  }
}

type Child = Branch | Occupied;

/** An inner node, or a leaf of addresses. */
class Branch {
  /** In order; all of them branches, or all of them addresses. */
  readonly children: Child[];
  first = 0n;
  last = 0n;
  /** Number of addresses below. */
  size = 0;
  /** How many of them use a port. */
  readonly users = new Map<string, number>();

  constructor(children: Child[]) {
    this.children = children;
    for (const child of children) {
      this.size += child instanceof Branch ? child.size : 1;
      if (child instanceof Branch) for (const [port, users] of child.users) count(this.users, port, users);
      else for (const port of child.ports()) count(this.users, port, 1);
    }
    this.#measure();
  }

  /** Whether every address below uses one of the ports; false when each uses another one. */
  isFullFor(ports: readonly string[]): boolean {
    return ports.some((port) => this.users.get(port) === this.size);
  }

  /** Takes note of a change below. */
  update({ gained, lost }: PortChange, sizeBy: number): void {
    this.size += sizeBy;
    for (const port of gained) count(this.users, port, 1);
    for (const port of lost) count(this.users, port, -1);
    this.#measure();
  }

  /** Cuts off the upper half when it has grown too wide. */
  split(): Branch | undefined {
    if (this.children.length <= WIDTH) return undefined;
    const half = new Branch(this.children.splice(WIDTH / 2));
    this.size -= half.size;
    for (const [port, users] of half.users) count(this.users, port, -users);
    this.#measure();
    return half;
  }

  #measure(): void {
    const first = this.children[0];
    const last = this.children[this.children.length - 1];
    if (first !== undefined) this.first = firstOf(first);
    if (last !== undefined) this.last = lastOf(last);
  }
}

function firstOf(child: Child): bigint {
  return child instanceof Branch ? child.first : child.value;
}

function lastOf(child: Child): bigint {
  return child instanceof Branch ? child.last : child.value;
}

function insert(branch: Branch, address: Occupied, change: PortChange): void {
  const { children } = branch;
  const at = childFor(children, address.value);
  const child = children[at] ?? children[children.length - 1];
  if (child instanceof Branch) {
    insert(child, address, change);
    const half = child.split();
    if (half !== undefined) children.splice(Math.min(at, children.length - 1) + 1, 0, half);
  } else children.splice(at, 0, address);
  branch.update(change, 1);
}

/** Changes the leaf that holds an address, and all branches on the way to it. */
function edit(
  branch: Branch,
  value: bigint,
  change: PortChange,
  sizeBy: number,
  act: (children: Child[], at: number) => void,
): void {
  const { children } = branch;
  const at = childFor(children, value);
  const child = children[at];
  if (child instanceof Branch) {
    edit(child, value, change, sizeBy, act);
    if (child.size === 0) children.splice(at, 1);
  } else act(children, at);
  branch.update(change, sizeBy);
}

/** Index of the first child that reaches `value`. */
function childFor(children: readonly Child[], value: bigint): number {
  let low = 0;
  let high = children.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const child = children[middle];
    if (child !== undefined && lastOf(child) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function find(
  child: Child,
  ports: readonly string[],
  from: bigint,
  direction: Direction,
): bigint | undefined {
  if (!(child instanceof Branch)) return ports.some((port) => child.uses(port)) ? undefined : child.value;
  if (child.isFullFor(ports)) return undefined;
  const { children } = child;
  const step = direction === 'ascending' ? 1 : -1;
  for (let i = startOf(children, from, direction); i >= 0 && i < children.length; i += step) {
    const next = children[i];
    const found = next && find(next, ports, from, direction);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Index of the child where a search from `from` on begins. */
function startOf(children: readonly Child[], from: bigint, direction: Direction): number {
  const at = childFor(children, from);
  if (direction === 'ascending') return at;
  const child = children[at];
  return child !== undefined && firstOf(child) <= from ? at : at - 1;
}
