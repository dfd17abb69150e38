// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Family } from '@fairlead/shared/address/address.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildWire, eventually, type LabProgram, type Wire } from '../announce/lab/wire.ts';
import type { DhcpLease, DhcpProblem, DhcpRequest } from './dhcp-addresses.ts';

const MAC = '02:00:5e:10:00:01';
const PROGRAM = '../../dhcp/lab/dhcp-program.ts';
const RANGE = /^(172\.18\.7\.\d+|fd00:18::7[0-9a-f]{2})$/;

interface State {
  readonly leases: Readonly<Record<string, DhcpLease>>;
  readonly problems: Readonly<Record<string, DhcpProblem>>;
  readonly held: readonly string[];
}

let wire: Wire;
let node: LabProgram;
let other: LabProgram;
let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-dhcp-'));
  wire = buildWire({ node: 3, other: 4, client: 100, server: 1 });
  node = wire.start('node', PROGRAM);
  other = wire.start('other', PROGRAM);
});

afterEach(async () => {
  stopServer();
  await wire.remove();
  rmSync(folder, { recursive: true });
});

/** dnsmasq, for both versions, until {@link stopServer}. In debug mode: otherwise it changes its groups, which is not for all. */
function startServer(...more: readonly string[]): void {
  const options = [
    '--no-daemon',
    '--conf-file=/dev/null',
    '--port=0',
    '--interface=eth0',
    '--bind-interfaces',
    '--no-ping',
    '--log-dhcp',
    `--dhcp-leasefile=${join(folder, 'leases')}`,
    '--dhcp-range=172.18.7.1,172.18.7.250,255.255.0.0,2m',
    '--dhcp-range=fd00:18::700,fd00:18::7ff,64,2m',
    ...more,
  ];
  wire.run(
    'server',
    'sh',
    '-c',
    'folder=$1; shift; "$@" >>"$folder/log" 2>&1 </dev/null & echo $! >"$folder/pid"',
    'sh',
    folder,
    'dnsmasq',
    ...options,
  );
}

function stopServer(): void {
  const file = join(folder, 'pid');
  if (!existsSync(file)) return;
  wire.run('server', 'kill', readFileSync(file, 'utf8').trim());
  rmSync(file);
}

/** What the server logged of these kinds, oldest first. */
function heard(...kinds: readonly string[]): readonly string[] {
  const log = readFileSync(join(folder, 'log'), 'utf8');
  return [...log.matchAll(/ ((?:DHCP)[A-Z0-9]+)\(/g)].flatMap(([, kind = '']) =>
    kinds.includes(kind) ? [kind] : [],
  );
}

function request(family: Family, parts: Partial<DhcpRequest> = {}): DhcpRequest {
  return {
    key: `key${family}`,
    family,
    identity: { mac: MAC, hostName: undefined },
    broadcast: false,
    wanted: undefined,
    noted: undefined,
    ...parts,
  };
}

async function ask(program: LabProgram, ...requests: readonly DhcpRequest[]): Promise<void> {
  await program.ask({ do: 'apply', requests, owned: requests.map(({ key }) => key) });
}

const state = (program: LabProgram) => program.ask<State>({ do: 'state' });

async function held(program: LabProgram, family: Family): Promise<string> {
  const { leases } = await eventually(
    () => state(program),
    (now) => now.held.includes(now.leases[`key${family}`]?.address ?? '-'),
  );
  return leases[`key${family}`]?.address ?? '';
}

function pings(address: string): boolean {
  try {
    wire.run('client', 'ping', '-c', '1', '-W', '1', address);
    return true;
  } catch {
    return false;
  }
}

describe.each([4, 6] as const)('DHCPv%i', (family) => {
  const words = (v4: string, v6: string) => (family === 4 ? v4 : v6);

  it('gets an address that a client reaches, keeps it, and gives it back', async () => {
    startServer();
    await node.ask({ do: 'start', leaseLimitMs: 4_000 });
    await ask(node, request(family));
    const address = await held(node, family);
    expect(address).toMatch(RANGE);
    expect(pings(address)).toBe(true);
    const until = () => state(node).then(({ leases }) => leases[`key${family}`]?.untilMs ?? 0);
    const firstMs = await until();
    const asked = heard('DHCPDISCOVER', 'DHCPSOLICIT').length;
    // Renewed by the server that gave it, not bought anew.
    await eventually(until, (ms) => ms > firstMs + 4_000);
    expect(heard('DHCPDISCOVER', 'DHCPSOLICIT')).toHaveLength(asked);
    if (family === 6) expect(heard('DHCPRENEW').length).toBeGreaterThan(1);
    expect((await state(node)).leases[`key${family}`]?.address).toBe(address);
    expect(pings(address)).toBe(true);
    await ask(node);
    await eventually(
      () => heard('DHCPRELEASE').length,
      (count) => count === 1,
    );
    await eventually(
      () => readFileSync(join(folder, 'leases'), 'utf8').includes(address),
      (is) => !is,
    );
    expect((await state(node)).held).toEqual([]);
  });

  it('moves to another node with the same address, which that one uses at once', async () => {
    startServer();
    await node.ask({ do: 'start' });
    await other.ask({ do: 'start' });
    await ask(node, request(family));
    const address = await held(node, family);
    const { leases } = await state(node);
    const lease = leases[`key${family}`];
    if (lease === undefined) throw new Error('the lease is gone');
    const noted = {
      address,
      server: lease.server,
      durationMs: lease.durationMs,
      expiresWallMs: Date.now() + lease.durationMs,
    };
    node.signal('SIGKILL');
    const before = heard('DHCPDISCOVER', 'DHCPREQUEST', 'DHCPSOLICIT', 'DHCPREBIND').length;
    await ask(other, request(family, { noted }));
    expect(await held(other, family)).toBe(address);
    // The server was asked whether the lease goes on, and for no other.
    const asked = await eventually(
      () => heard('DHCPDISCOVER', 'DHCPREQUEST', 'DHCPSOLICIT', 'DHCPREBIND').slice(before),
      (kinds) => kinds.length > 0,
    );
    expect(new Set(asked)).toEqual(new Set([words('DHCPREQUEST', 'DHCPREBIND')]));
    await eventually(
      () => pings(address),
      (is) => is,
    );
    expect((await state(other)).problems).toEqual({});
  });

  it('asks for the address and as the station that it is told', async () => {
    startServer();
    await node.ask({ do: 'start' });
    const wanted = words('172.18.7.77', 'fd00:18::777');
    await ask(node, request(family, { wanted }));
    expect(await held(node, family)).toBe(wanted);
    const known = readFileSync(join(folder, 'leases'), 'utf8');
    expect(known).toContain(words(MAC, '00:03:00:01:02:00:5e:10:00:01'));
  });

  it('declines an address that somebody else has', async () => {
    const taken = words('172.18.7.77', 'fd00:18::777');
    wire.run('client', 'ip', 'address', 'add', taken, 'dev', 'eth0', ...(family === 6 ? ['nodad'] : []));
    startServer();
    await node.ask({ do: 'start' });
    await ask(node, request(family, { wanted: taken }));
    const problem = () => state(node).then(({ problems }) => problems[`key${family}`]?.message ?? '');
    expect(await eventually(problem, (message) => message !== '')).toContain(wire.host('client').mac);
    expect(heard('DHCPDECLINE')).toHaveLength(1);
    expect((await state(node)).held).toEqual([]);
    const address = await held(node, family);
    expect(address).not.toBe(taken);
    expect(address).toMatch(RANGE);
  });

  it('gives the address up at the end of its lease when the server is gone, and asks on', async () => {
    startServer();
    await node.ask({ do: 'start', leaseLimitMs: 5_000 });
    await ask(node, request(family));
    const address = await held(node, family);
    stopServer();
    const now = () => state(node);
    const untilMs = (await now()).leases[`key${family}`]?.untilMs ?? 0;
    const gone = await eventually(now, ({ held: addresses }) => addresses.length === 0);
    expect(gone.leases).toEqual({});
    expect(Number(process.hrtime.bigint()) / 1e6).toBeGreaterThanOrEqual(untilMs);
    // It is told after some questions without an answer; a busy machine has not asked that often in five seconds.
    const problem = await eventually(
      async () => (await now()).problems[`key${family}`],
      (each) => each !== undefined,
    );
    expect(problem?.kind).toBe('noLease');
    startServer();
    expect(await held(node, family)).toBe(address);
  });
});

it('lets an address go as soon as the server refuses it, and takes what it gives instead', async () => {
  startServer('--dhcp-authoritative');
  await node.ask({ do: 'start' });
  const noted = {
    address: '10.1.2.3',
    server: '10.1.2.1',
    durationMs: 600_000,
    expiresWallMs: Date.now() + 600_000,
  };
  await ask(node, request(4, { noted }));
  await eventually(
    () => heard('DHCPNAK').length,
    (count) => count > 0,
  );
  expect(await held(node, 4)).toMatch(RANGE);
  expect((await state(node)).held).not.toContain('10.1.2.3');
});

it('sends the host name and takes answers by broadcast', async () => {
  startServer('--dhcp-host=id:lb.example.org,172.18.7.99');
  await node.ask({ do: 'start' });
  await ask(node, request(4, { identity: { mac: MAC, hostName: 'lb.example.org' }, broadcast: true }));
  expect(await held(node, 4)).toBe('172.18.7.99');
  expect(readFileSync(join(folder, 'log'), 'utf8')).toContain('broadcast response');
});

it('leaves nothing on the link when all is at rest or has been killed', async () => {
  startServer();
  await node.ask({ do: 'start' });
  await ask(node, request(4), request(6));
  await Promise.all([held(node, 4), held(node, 6)]);
  const sockets = () => wire.run('node', 'cat', '/proc/net/packet').trim().split('\n').length;
  // Those that answer for the two addresses, and the heading.
  await eventually(sockets, (lines) => lines === 3);
  expect(wire.run('node', 'ip', '-details', 'link', 'show', 'eth0')).toMatch(/promiscuity 0/);
  const links = wire.run('node', 'ip', '-oneline', 'link', 'show').trim().split('\n');
  expect(links).toHaveLength(2);
});

it.each<readonly [string, readonly Family[], string, string]>([
  ['bridge', [4, 6], 'name br0 type bridge', 'link set eth0 master br0'],
  // It takes no frames for other stations, so that only broadcasts bring answers.
  ['macvlan', [4], 'link eth0 name br0 type macvlan mode bridge', 'link set eth0 up'],
])('works on a %s, too', async (_kind, families, made, tied) => {
  wire.run('node', 'ip', 'link', 'add', ...made.split(' '));
  wire.run('node', 'ip', ...tied.split(' '));
  wire.run('node', 'ip', 'link', 'set', 'br0', 'up');
  startServer();
  await node.ask({ do: 'start', link: 'br0', leaseLimitMs: 3_000 });
  await ask(node, ...families.map((family) => request(family)));
  for (const family of families) {
    expect(await held(node, family)).toMatch(RANGE);
    const until = () => state(node).then(({ leases }) => leases[`key${family}`]?.untilMs ?? 0);
    const firstMs = await until();
    await eventually(until, (ms) => ms > firstMs + 1_000);
  }
});
