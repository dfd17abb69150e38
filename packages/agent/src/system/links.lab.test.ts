// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { defaultRouteInterface } from './links.ts';

const ip = (line: string): void => void execFileSync('ip', line.split(' '));
const LINKS = ['rt0', 'rt1'] as const;

/** Of the lab's own network namespace, which has no way out by itself. */
beforeEach(() => {
  ip('link add rt0 type veth peer name rt1');
  for (const [index, link] of LINKS.entries()) {
    ip(`address add 192.0.2.${1 + 128 * index}/25 dev ${link}`);
    ip(`address add 2001:db8:${index}::1/64 dev ${link} nodad`);
    ip(`link set ${link} up`);
  }
});
afterEach(() => ip('link delete rt0'));

it.each([
  { what: 'there is none', routes: [], link: undefined },
  { what: 'there is one', routes: ['default via 192.0.2.129'], link: 'rt1' },
  {
    what: 'one has the lower metric',
    routes: ['default via 192.0.2.2 metric 200', 'default via 192.0.2.129 metric 100'],
    link: 'rt1',
  },
  {
    what: 'one has no metric',
    routes: ['default via 192.0.2.2 metric 1', 'default via 192.0.2.129'],
    link: 'rt1',
  },
  {
    what: 'it has several ways',
    routes: ['default nexthop via 192.0.2.130 nexthop via 192.0.2.2'],
    link: 'rt1',
  },
  {
    what: 'those of other tables, of other kinds and to other places do not count',
    routes: ['default via 192.0.2.2 table 100', 'unreachable default metric 9', '0.0.0.0/1 via 192.0.2.2'],
    link: undefined,
  },
  { what: 'only IPv6 has one', routes: ['default via 2001:db8:1::2'], link: 'rt1' },
  {
    what: 'both have one, and IPv4 goes first',
    routes: ['default via 2001:db8:0::2', 'default via 192.0.2.129'],
    link: 'rt1',
  },
])('names the link of the default route: $what', async ({ routes, link }) => {
  for (const route of routes) ip(`${route.includes('2001:') ? '-6 ' : ''}route add ${route}`);
  try {
    expect(await defaultRouteInterface()).toBe(link);
  } finally {
    for (const route of routes) ip(`${route.includes('2001:') ? '-6 ' : ''}route delete ${route}`);
  }
});
