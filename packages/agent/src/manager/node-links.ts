// SPDX-License-Identifier: Apache-2.0
import type { Link } from '../system/link.ts';
import { defaultRouteInterface, listLinks } from '../system/links.ts';

/** The links of this node and which one carries the default route. */
export interface NodeLinks {
  readonly links: readonly Link[];
  readonly defaultInterface: string | undefined;
}

/** Reads them. @param withDefaultRoute whether the default route can matter: a node may have thousands of routes to look through */
export async function readNodeLinks(withDefaultRoute: boolean): Promise<NodeLinks> {
  const defaultRoute = withDefaultRoute ? defaultRouteInterface() : undefined;
  const [links, defaultInterface] = await Promise.all([listLinks(), defaultRoute]);
  return { links, defaultInterface };
}
