// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AnnouncerStats, HeldAddress } from './address-keeper.ts';
import type { ArpFrame } from './arp/codec.ts';
import { buildWire, eventually, type LabProgram, type Wire } from './lab/wire.ts';
import type { NdpFrame } from './ndp/codec.ts';

const IPV4 = '172.18.0.200';
const IPV6 = 'fd00:18::200';
const BOTH = [IPV4, IPV6];
const NODE = '172.18.0.3';

interface Answer {
  readonly mac: string;
  readonly afterMs: number;
}

interface Seen {
  readonly atMs: number;
  readonly arp?: ArpFrame;
  readonly ndp?: NdpFrame;
}

let wire: Wire;
let keeper: LabProgram;
let probe: LabProgram;

async function ask(address: string, times = 3): Promise<readonly Answer[]> {
  const { answers } = await probe.ask<{ answers: readonly Answer[] }>({ do: 'ask', address, times });
  return answers;
}

/** How many of three questions about each address are answered. */
async function answered(): Promise<readonly number[]> {
  return [(await ask(IPV4)).length, (await ask(IPV6)).length];
}

async function seen(): Promise<readonly Seen[]> {
  return (await probe.ask<{ seen: readonly Seen[] }>({ do: 'seen' })).seen;
}

async function held(): Promise<readonly HeldAddress[]> {
  return (await keeper.ask<{ held: readonly HeldAddress[] }>({ do: 'held' })).held;
}

function nodeAddresses(): string {
  return wire.run('node', 'ip', '-oneline', 'address', 'show');
}

function nodeTables(): string {
  return wire.run('node', 'nft', 'list', 'tables');
}

beforeEach(async () => {
  wire = buildWire({ node: 3, client: 100 });
  keeper = wire.start('node', './keeper-program.ts');
  probe = wire.start('client', './probe-program.ts');
  // Answers are 0 before anything is held: also shows that the probe is ready.
  await probe.ask({ do: 'clear' });
});
afterEach(() => wire.remove());

describe.each(['lo', 'interface'] as const)('an address on %s', (addressOn) => {
  beforeEach(() => keeper.ask({ do: 'start', addressOn, lifetimeMs: 3000 }));

  test('is answered for while held, from the right hardware address, and neither before nor after', async () => {
    expect(await answered()).toEqual([0, 0]);
    await keeper.ask({ do: 'apply', addresses: BOTH });
    expect((await held()).map(({ answering }) => answering)).toEqual([true, true]);
    const answers = [...(await ask(IPV4)), ...(await ask(IPV6))];
    expect(answers).toHaveLength(6);
    expect(new Set(answers.map(({ mac }) => mac))).toEqual(new Set([wire.host('node').mac]));
    const link = addressOn === 'lo' ? 'lo' : 'eth0';
    for (const address of BOTH) expect(nodeAddresses()).toMatch(new RegExp(`${link}\\s+inet6? ${address}/`));

    await keeper.ask({ do: 'apply', addresses: [IPV6] });
    expect(await answered()).toEqual([0, 3]);
    expect(nodeAddresses()).not.toContain(IPV4);

    await keeper.ask({ do: 'stop' });
    expect(await answered()).toEqual([0, 0]);
    for (const address of BOTH) expect(nodeAddresses()).not.toContain(address);
    expect(nodeTables()).toBe('');
  });

  test('is there at once where the kernel looks for duplicates, and stays though somebody claims it', async () => {
    for (const link of ['all', 'eth0']) {
      wire.run('node', 'sh', '-c', `echo 3 > /proc/sys/net/ipv6/conf/${link}/dad_transmits`);
    }
    await keeper.ask({ do: 'apply', addresses: [IPV6] });
    expect(await ask(IPV6)).toHaveLength(3);
    await probe.ask({ do: 'claim', address: IPV6 });
    const shown = nodeAddresses()
      .split('\n')
      .filter((line) => line.includes(IPV6));
    expect(shown).toHaveLength(1);
    expect(shown[0]).not.toMatch(/tentative|dadfailed/);
    expect(await ask(IPV6)).toHaveLength(3);
  });

  test('serves clients, and the kernel never names it as sender of its own questions', async () => {
    await keeper.ask({ do: 'apply', addresses: BOTH });
    for (const address of BOTH) {
      wire.run('client', 'ping', '-c1', '-W2', address);
      // The client keeps its entry and the node loses its own, so that the echo reply has to wait for a question.
      wire.run('node', 'ip', 'neighbour', 'flush', 'dev', 'eth0');
      await probe.ask({ do: 'clear' });
      wire.run('client', 'ping', '-c2', '-i0.2', '-W2', address);
      const frames = await seen();
      const questions = frames.filter(
        ({ arp, ndp }) => arp?.targetAddress === '172.18.0.100' || ndp?.target === 'fd00:18::100',
      );
      expect(questions.length).toBeGreaterThan(0);
      for (const { arp, ndp } of questions) {
        if (arp !== undefined) expect(arp.senderAddress).toBe(NODE);
        if (ndp !== undefined) expect(ndp.source).not.toBe(IPV6);
      }
    }
  });

  test('is silent as soon as its process is frozen, evaporates, and stays silent after the thaw', async () => {
    await keeper.ask({ do: 'apply', addresses: BOTH, forMs: 3000 });
    expect(await answered()).toEqual([3, 3]);
    await keeper.freeze();
    expect(await answered()).toEqual([0, 0]);
    await eventually(nodeAddresses, (output) => !BOTH.some((address) => output.includes(address)));
    expect(await answered()).toEqual([0, 0]);
    await probe.ask({ do: 'clear' });
    keeper.signal('SIGCONT');
    await eventually(
      () => keeper.reports.length,
      (count) => count > 0,
    );
    // The questions asked meanwhile lie in its sockets.
    expect(await answered()).toEqual([0, 0]);
    const spoken = (await seen()).filter(({ arp, ndp }) =>
      BOTH.includes(arp?.senderAddress ?? (ndp?.type === 'advertisement' ? ndp.target : '')),
    );
    expect(spoken).toEqual([]);
  });

  test('is silent when its process is killed, and the next start leaves nothing of it', async () => {
    await keeper.ask({ do: 'apply', addresses: BOTH });
    keeper.signal('SIGKILL');
    await keeper.exited;
    expect(nodeAddresses()).toContain(IPV4);
    expect(await answered()).toEqual([0, 0]);
    if (addressOn === 'lo') {
      // The silence is the guard's doing: without it the kernel speaks for the dead.
      wire.run('node', 'nft', 'delete', 'table', 'arp', 'fairlead_guard');
      expect(await ask(IPV4)).toHaveLength(3);
    }
    wire.run('node', 'nft', 'add', 'table', 'ip', 'somebodys');
    wire.run('node', 'nft', 'add', 'table', 'ip', 'fairlead');
    wire.run(
      'node',
      'ip',
      'address',
      'add',
      '10.1.1.1/32',
      'dev',
      'lo',
      'valid_lft',
      '600',
      'preferred_lft',
      '0',
    );
    const successor = wire.start('node', './keeper-program.ts');
    await successor.ask({ do: 'start', addressOn });
    for (const address of BOTH) expect(nodeAddresses()).not.toContain(address);
    expect(wire.run('node', 'nft', 'list', 'ruleset')).not.toContain(IPV4);
    for (const address of [NODE, '10.1.1.1']) expect(nodeAddresses()).toContain(address);
    await successor.ask({ do: 'stop' });
    expect(nodeTables()).toBe('table ip somebodys\n');
  });
});

describe('announcing', () => {
  beforeEach(() => keeper.ask({ do: 'start', lifetimeMs: 2000 }));

  test('begins with request and reply form and is repeated', async () => {
    await keeper.ask({ do: 'apply', addresses: BOTH });
    const ofIpv4 = ({ arp }: Seen): boolean => arp?.senderAddress === IPV4;
    const ofIpv6 = ({ ndp }: Seen): boolean => ndp?.target === IPV6;
    const frames = await eventually(
      seen,
      (all) => all.filter(ofIpv4).length >= 4 && all.filter(ofIpv6).length >= 2,
    );
    const { mac } = wire.host('node');
    expect(frames.filter(ofIpv4).map(({ arp }) => arp?.operation)).toEqual([
      'request',
      'reply',
      'request',
      'reply',
    ]);
    for (const { arp } of frames.filter(ofIpv4))
      expect(arp).toMatchObject({ targetAddress: IPV4, senderMac: mac });
    for (const { ndp } of frames.filter(ofIpv6)) {
      expect(ndp).toMatchObject({ type: 'advertisement', overrides: true, isSolicited: false, linkMac: mac });
    }
  });

  test('reports and counts foreign claims', async () => {
    await keeper.ask({ do: 'apply', addresses: BOTH });
    for (const address of BOTH) {
      const before = (await seen()).length;
      await probe.ask({ do: 'claim', address });
      await eventually(seen, (all) => all.length > before);
      await eventually(
        () => JSON.stringify(keeper.reports),
        (reports) => reports.includes(`"address":"${address}"`),
      );
    }
    expect(keeper.reports[0]).toMatchObject({
      claim: { address: IPV4, interface: 'eth0', mac: wire.host('client').mac },
    });
    await eventually(
      () => keeper.ask<AnnouncerStats>({ do: 'stats' }),
      ({ foreignClaims }) => foreignClaims >= 2,
    );
  });

  test('ends with the grant, and the address goes', async () => {
    await keeper.ask({ do: 'apply', addresses: BOTH, forMs: 300 });
    await eventually(
      () => keeper.reports.length,
      (count) => count > 0,
    );
    expect(await answered()).toEqual([0, 0]);
    await eventually(nodeAddresses, (output) => !output.includes(IPV4));
    expect(await held()).toEqual([]);
    await keeper.ask({ do: 'apply', addresses: BOTH });
    expect(await answered()).toEqual([3, 3]);
  });

  test('goes on while the grant is extended', async () => {
    await keeper.ask({ do: 'apply', addresses: BOTH, forMs: 400 });
    await keeper.ask({ do: 'extend', addresses: BOTH, forMs: 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await answered()).toEqual([3, 3]);
    expect(keeper.reports).toEqual([]);
  });

  test('stops when the main thread stalls for two seconds and starts again with it', async () => {
    await keeper.ask({ do: 'apply', addresses: BOTH });
    const stalled = keeper.ask({ do: 'stall', forMs: 4500 });
    const sampledMs = Date.now();
    expect(await answered()).toEqual([3, 3]);
    await eventually(answered, ([ipv4, ipv6]) => ipv4 === 0 && ipv6 === 0, 4500);
    expect(Date.now() - sampledMs).toBeGreaterThan(1500);
    await stalled;
    await eventually(answered, ([ipv4, ipv6]) => ipv4 === 3 && ipv6 === 3);
    expect(keeper.reports).toContainEqual({ loss: { addresses: BOTH, reason: 'mainStalled' } });
  });

  test('goes on in a new thread when the announcing thread fails', async () => {
    await keeper.ask({ do: 'apply', addresses: BOTH });
    await keeper.ask({ do: 'endThread' });
    await eventually(answered, ([ipv4, ipv6]) => ipv4 === 3 && ipv6 === 3);
    expect(keeper.reports).toContainEqual({ loss: { addresses: BOTH, reason: 'workerFailed' } });
  });

  test('survives a link that loses its carrier', async () => {
    await keeper.ask({ do: 'apply', addresses: BOTH });
    wire.run('node', 'ip', 'link', 'set', 'eth0', 'down');
    expect(await answered()).toEqual([0, 0]);
    await probe.ask({ do: 'clear' });
    wire.run('node', 'ip', 'link', 'set', 'eth0', 'up');
    await eventually(answered, ([ipv4, ipv6]) => ipv4 === 3 && ipv6 === 3);
    await eventually(seen, (all) =>
      all.some(({ arp }) => arp?.targetAddress === IPV4 && arp.senderAddress === IPV4),
    );
  });
});

describe('the state of the node', () => {
  beforeEach(() => keeper.ask({ do: 'start', lifetimeMs: 2000 }));

  test('is renewed without flapping and repaired when somebody interferes', async () => {
    await keeper.ask({ do: 'apply', addresses: BOTH });
    const changes = wire.run('node', 'sh', '-c', 'timeout 3 ip monitor address || true');
    expect(changes).toContain(IPV4);
    expect(changes).not.toContain('Deleted');
    // At rest nothing is written to the ruleset: a guard rebuilt over and over would be a guard misjudged.
    expect(wire.run('node', 'sh', '-c', 'timeout 2 nft monitor || true')).toBe('');
    wire.run('node', 'ip', 'address', 'del', `${IPV4}/32`, 'dev', 'lo');
    wire.run('node', 'nft', 'flush', 'ruleset');
    await eventually(nodeAddresses, (output) => output.includes(IPV4));
    await eventually(nodeTables, (output) => output.includes('fairlead_guard'));
    expect(await answered()).toEqual([3, 3]);
    keeper.signal('SIGKILL');
    await keeper.exited;
    expect(await answered()).toEqual([0, 0]);
  });

  test('starts no program at rest, however many addresses there are', async () => {
    const addresses = Array.from({ length: 300 }, (_, index) => `10.9.${index >> 8}.${index & 255}`);
    await keeper.ask({ do: 'apply', addresses });
    await eventually(held, (all) => all.length === 300 && all.every(({ answering }) => answering));
    const programs = async () =>
      (await keeper.ask<{ programs: Readonly<Record<string, number>> }>({ do: 'programs' })).programs;
    const before = await programs();
    const changes = wire.run('node', 'sh', '-c', 'timeout 3 ip monitor address || true');
    // Renewed more than once meanwhile.
    expect(changes.split(' 10.9.1.43/32 ').length).toBeGreaterThan(2);
    expect(changes).not.toContain('Deleted');
    expect(await programs()).toEqual(before);
    const here = nodeAddresses();
    expect(addresses.filter((address) => !here.includes(` ${address}/32 `))).toEqual([]);
  });

  test('is clean after a stop, also when the addresses had gone before', async () => {
    await keeper.ask({ do: 'apply', addresses: BOTH });
    wire.run('node', 'ip', 'address', 'del', `${IPV4}/32`, 'dev', 'lo');
    wire.run('node', 'ip', 'address', 'del', `${IPV6}/128`, 'dev', 'lo');
    await keeper.ask({ do: 'stop' });
    expect(nodeTables()).toBe('');
  });

  test('makes no redirects about addresses of others', async () => {
    const redirects = (): number => {
      const [, names = '', values = ''] =
        /^Icmp: (.*)\nIcmp: (.*)$/m.exec(wire.run('client', 'cat', '/proc/net/snmp')) ?? [];
      return Number(values.split(' ')[names.split(' ').indexOf('InRedirects')]);
    };
    const sendThroughNode = (): string =>
      wire.run('client', 'sh', '-c', `ping -c3 -i0.2 -W1 ${IPV4} || true`);
    wire.run('node', 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
    wire.run('client', 'ip', 'neighbour', 'replace', IPV4, 'lladdr', wire.host('node').mac, 'dev', 'eth0');
    await keeper.ask({ do: 'prepare', addresses: BOTH });
    sendThroughNode();
    expect(redirects()).toBe(0);
    await keeper.ask({ do: 'stop' });
    // Without the guard the kernel does send them, which shows that the silence above was its doing.
    sendThroughNode();
    expect(redirects()).toBeGreaterThan(0);
  });

  test('is not touched by a second agent, which is told who runs', async () => {
    await keeper.ask({ do: 'apply', addresses: BOTH });
    const second = wire.start('node', './keeper-program.ts');
    const answer = await second.ask<{ refused: string; holderPid: number }>({ do: 'start' });
    expect(answer.holderPid).toBe(keeper.pid);
    expect(answer.refused).toContain(`process ${keeper.pid}`);
    expect(await answered()).toEqual([3, 3]);
  });

  test('shows what is wrong with one address while the others work', async () => {
    await keeper.ask({ do: 'apply', addresses: ['banana', IPV4] });
    expect(await held()).toMatchObject([
      { address: 'banana', answering: false, problem: '"banana" is not an IP address' },
      { address: IPV4, answering: true },
    ]);
    await keeper.ask({ do: 'apply', addresses: [IPV4], interface: 'eth7' });
    expect(await held()).toMatchObject([{ answering: false, problem: 'there is no link named "eth7"' }]);
    await keeper.ask({ do: 'apply', addresses: BOTH });
    expect(await answered()).toEqual([3, 3]);
  });
});
