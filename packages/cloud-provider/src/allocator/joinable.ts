// SPDX-License-Identifier: Apache-2.0
import { type Occupied, type PortChange, PortTree } from './port-tree.ts';
import type { Terms } from './sharing.ts';
import type { Direction } from './value-set.ts';

/**
 * The addresses of one family that others may join, by the circle of Services that they are open to: those that a Service
 * finds there share namespace, interface and selector as it must, and only ports are left to look at.
 */
export class JoinableAddresses {
  /** A lone address is kept without a tree: most circles are those of one selector. */
  readonly #circles = new Map<string, Occupied | PortTree>();

  /**
   * Lists an address, as it is now, in the circles of `after` instead of those of `before`. `change` tells how its ports
   * differ from those that it was listed with.
   */
  relist(address: Occupied, before: readonly string[], after: readonly string[], change: PortChange): void {
    for (const circle of before) if (!after.includes(circle)) this.#remove(circle, address, change);
    for (const circle of after) {
      if (before.includes(circle)) this.#replace(circle, address, change);
      else this.#add(circle, address);
    }
  }

  /** The nearest address from `from` on that Services on these terms may join. */
  next({ circles, ports }: Terms, from: bigint, direction: Direction): bigint | undefined {
    let nearest: bigint | undefined;
    for (const name of circles) {
      const circle = this.#circles.get(name);
      const found = circle && nextIn(circle, ports, from, direction);
      if (found === undefined) continue;
      if (nearest === undefined || isAhead(found, nearest, direction)) nearest = found;
    }
    return nearest;
  }

  #add(name: string, address: Occupied): void {
    const circle = this.#circles.get(name);
    if (circle instanceof PortTree) circle.add(address);
    else if (circle === undefined) this.#circles.set(name, address);
    else {
      const tree = new PortTree();
      tree.add(circle);
      tree.add(address);
      this.#circles.set(name, tree);
    }
  }

  #replace(name: string, address: Occupied, change: PortChange): void {
    const circle = this.#circles.get(name);
    if (circle instanceof PortTree) circle.replace(address, change);
    else this.#circles.set(name, address);
  }

  #remove(name: string, address: Occupied, { gained, lost }: PortChange): void {
    const circle = this.#circles.get(name);
    if (circle instanceof PortTree) {
      const listed = [...address.ports()].filter((port) => !gained.includes(port));
      circle.remove(address.value, [...listed, ...lost]);
      if (!circle.isEmpty) return;
    }
    this.#circles.delete(name);
  }
}

function nextIn(
  circle: Occupied | PortTree,
  ports: readonly string[],
  from: bigint,
  direction: Direction,
): bigint | undefined {
  if (circle instanceof PortTree) return circle.next(ports, from, direction);
  const { value } = circle;
  if (value !== from && !isAhead(from, value, direction)) return undefined;
  return ports.some((port) => circle.uses(port)) ? undefined : value;
}

/** Whether a search in this direction meets `a` before `b`. */
function isAhead(a: bigint, b: bigint, direction: Direction): boolean {
  return direction === 'ascending' ? a < b : a > b;
}
