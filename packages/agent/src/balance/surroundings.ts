// SPDX-License-Identifier: Apache-2.0
import type { Link } from '../system/link.ts';

/** Where machines are, as this node sees it. */
export interface Surroundings {
  /** Empty outside a cluster. */
  readonly node: string;
  /** All of this machine. */
  readonly links: readonly Link[];
  /** Address of a front end -> name of the link on which clients come in. */
  readonly linkOf: (address: string) => string | undefined;
  /** Addresses of a node, the one to be preferred first. Canonical text. */
  readonly addressesOf: (node: string) => readonly string[];
}
