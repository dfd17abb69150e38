// SPDX-License-Identifier: Apache-2.0
import { ManualClock } from '@fairlead/shared/runtime/clock.ts';
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import type { DhcpAddresses, DhcpRequest, NotedLease } from './dhcp-addresses.ts';
import { createDhcpAddresses } from './dhcp-manager.ts';
import type { Station, StationListener } from './station.ts';
import type { UdpFrame } from './udp-frames.ts';
import { type Dhcp4Message, decodeDhcp4, encodeDhcp4 } from './v4/codec.ts';

const SERVER = '192.0.2.1';
const SERVER_MAC = '02:00:00:00:00:aa';
const MAC = '02:00:5e:10:00:01';
const HOUR = 3_600_000;

/** A link with a DHCP server that gives what it is asked for, else 192.0.2.9; `null`: nobody there. */
class FakeLink implements Station {
  readonly heard: Dhcp4Message[] = [];
  readonly frames: UdpFrame[] = [];
  readonly listening = new Set<string>();
  isServed = true;
  /** Given whatever is asked for. */
  only: string | undefined;
  isBroken = false;
  isOpen = true;
  #answers: UdpFrame[] = [];

  listen(_family: number, mac: string): void {
    if (this.isBroken) throw new Error('there is no link named "eth0"');
    this.isOpen = true;
    this.listening.add(mac);
  }

  retain(clients: readonly { readonly mac: string }[]): void {
    for (const mac of this.listening) if (!clients.some((one) => one.mac === mac)) this.listening.delete(mac);
  }

  send(frame: UdpFrame): void {
    const message = decodeDhcp4(frame.payload);
    if (message === undefined) throw new Error('not a DHCP message');
    this.heard.push(message);
    this.frames.push(frame);
    if (this.isServed) this.#answer(message);
  }

  probe(): void {}

  receive(listener: StationListener): void {
    const answers = this.#answers;
    this.#answers = [];
    for (const answer of answers) listener.datagram(answer);
  }

  close(): void {
    this.isOpen = false;
    this.listening.clear();
  }

  get types(): readonly string[] {
    return this.heard.map(({ type }) => type);
  }

  #answer(message: Dhcp4Message): void {
    if (message.type !== 'discover' && message.type !== 'request') return;
    const { requestedAddress } = message.options;
    const renewed = message.clientAddress === '0.0.0.0' ? undefined : message.clientAddress;
    const answer: Dhcp4Message = {
      ...message,
      op: 'reply',
      type: message.type === 'discover' ? 'offer' : 'ack',
      yourAddress: this.only ?? renewed ?? requestedAddress ?? '192.0.2.9',
      options: { server: SERVER, leaseSeconds: 3600 },
    };
    this.#answers.push({
      family: 4,
      sourceMac: SERVER_MAC,
      destinationMac: message.mac,
      source: SERVER,
      destination: answer.yourAddress,
      sourcePort: 67,
      destinationPort: 68,
      payload: encodeDhcp4(answer),
    });
  }
}

function request(parts: Partial<DhcpRequest> = {}): DhcpRequest {
  return {
    key: '100::1',
    family: 4,
    identity: { mac: MAC, hostName: undefined },
    broadcast: false,
    wanted: undefined,
    noted: undefined,
    ...parts,
  };
}

let clock: ManualClock;
let link: FakeLink;
let dhcp: DhcpAddresses;
let changes: number;

beforeEach(() => {
  clock = new ManualClock(1_000_000);
  link = new FakeLink();
  changes = 0;
  dhcp = createDhcpAddresses({ clock, logger: silentLogger, random: () => 0.5, openStation: () => link });
  dhcp.onChange(() => {
    changes += 1;
  });
});

const ask = (...requests: readonly DhcpRequest[]): void =>
  dhcp.apply({ requests, owned: new Map(requests.map(({ key }) => [key, 'eth0'])) });
const address = (key = '100::1') => dhcp.leases().get(key)?.address;
const problem = () => dhcp.problems().get('100::1');

describe('an address by DHCP', () => {
  it('comes, and the link is left alone until its renewal', () => {
    ask(request());
    clock.advance(1000);
    expect(address()).toBe('192.0.2.9');
    expect(link.types).toEqual(['discover', 'request']);
    expect(changes).toBe(1);
    expect(link.isOpen).toBe(false);
    clock.advance(HOUR / 2);
    expect(link.types).toEqual(['discover', 'request', 'request']);
    // Renewed with its server, by the hardware address that it answered from.
    expect(link.frames.at(-1)).toMatchObject({
      source: '192.0.2.9',
      destination: SERVER,
      destinationMac: SERVER_MAC,
    });
    expect(changes).toBe(2);
    expect(link.isOpen).toBe(false);
    ask(request());
    clock.advance(1000);
    expect(link.types).toHaveLength(3);
  });

  it('goes back to the server when nobody asks for it any more', () => {
    ask(request());
    clock.advance(1000);
    ask();
    expect(link.types.at(-1)).toBe('release');
    expect(link.frames.at(-1)).toMatchObject({ destination: SERVER, source: '192.0.2.9' });
    expect(dhcp.leases().size).toBe(0);
    clock.advance(HOUR);
    expect(link.types.filter((type) => type === 'release')).toHaveLength(1);
    expect(link.isOpen).toBe(false);
  });

  it('stays with its server without a word when another node owns it, and when the agent ends', async () => {
    ask(request());
    clock.advance(1000);
    dhcp.apply({ requests: [request()], owned: new Map() });
    expect(dhcp.leases().size).toBe(0);
    ask(request());
    clock.advance(1000);
    await dhcp.stop();
    clock.advance(HOUR);
    expect(link.types).not.toContain('release');
  });

  it('noted by another node is used at once, and confirmed', () => {
    const noted: NotedLease = {
      address: '192.0.2.44',
      server: SERVER,
      durationMs: HOUR,
      expiresWallMs: clock.wallMs() + HOUR / 4,
    };
    link.isServed = false;
    ask(request({ noted }));
    expect(address()).toBe('192.0.2.44');
    expect((dhcp.leases().get('100::1')?.untilMs ?? 0) - clock.monotonicMs()).toBeLessThan(HOUR / 4);
    link.isServed = true;
    clock.advance(2000);
    expect(link.types).toEqual(['request', 'request']);
    expect((dhcp.leases().get('100::1')?.untilMs ?? 0) - clock.monotonicMs()).toBeGreaterThan(HOUR / 2);
  });

  it('noted long ago is only asked for', () => {
    const noted = { address: '192.0.2.44', server: SERVER, durationMs: HOUR, expiresWallMs: clock.wallMs() };
    ask(request({ noted }));
    expect(address()).toBeUndefined();
    clock.advance(1000);
    expect(link.types).toEqual(['discover', 'request']);
    expect(address()).toBe('192.0.2.44');
  });

  it('goes on when its link changes, and is asked for anew when the user wants another', () => {
    ask(request());
    clock.advance(1000);
    dhcp.apply({ requests: [request()], owned: new Map([['100::1', 'eth1']]) });
    expect(address()).toBe('192.0.2.9');
    // Our own note is no wish for another address.
    ask(request({ wanted: '192.0.2.9' }));
    clock.advance(1000);
    expect(link.types).not.toContain('release');
    ask(request({ wanted: '192.0.2.55' }));
    expect(link.types).toContain('release');
    clock.advance(1000);
    expect(address()).toBe('192.0.2.55');
  });

  it('that was asked for in vain is not asked for again when somebody puts the wish back', () => {
    link.only = '192.0.2.9';
    ask(request({ wanted: '192.0.2.55' }));
    clock.advance(5000);
    expect(address()).toBe('192.0.2.9');
    const count = link.heard.length;
    ask(request({ wanted: '192.0.2.9' }));
    ask(request({ wanted: '192.0.2.55' }));
    clock.advance(5000);
    expect(link.heard).toHaveLength(count);
  });
});

describe('trouble', () => {
  it('is told after some unanswered questions, and over with the first answer', () => {
    link.isServed = false;
    ask(request());
    clock.advance(2_000);
    expect(problem()).toBeUndefined();
    clock.advance(8_000);
    expect(problem()).toMatchObject({ kind: 'noLease', message: expect.stringContaining('eth0') });
    link.isServed = true;
    clock.advance(20_000);
    expect(problem()).toBeUndefined();
    expect(address()).toBe('192.0.2.9');
  });

  it('while a lease runs out is told before it has', () => {
    ask(request());
    clock.advance(1000);
    link.isServed = false;
    clock.advance(HOUR - 60_000);
    expect(problem()?.kind).toBe('notRenewed');
    expect(address()).toBe('192.0.2.9');
    clock.advance(60_000);
    expect(problem()?.kind).toBe('noLease');
    expect(address()).toBeUndefined();
  });

  it('with a link costs nothing but time', () => {
    link.isBroken = true;
    ask(request());
    clock.advance(3_000);
    expect(problem()?.message).toContain('there is no link named');
    link.isBroken = false;
    clock.advance(30_000);
    expect(problem()).toBeUndefined();
    expect(address()).toBe('192.0.2.9');
  });
});

it('keeps clients on one link apart', () => {
  const other = request({
    key: '100::2',
    identity: { mac: '02:00:5e:10:00:02', hostName: undefined },
    wanted: '192.0.2.60',
  });
  ask(request(), other);
  clock.advance(1000);
  expect([address(), address('100::2')]).toEqual(['192.0.2.9', '192.0.2.60']);
  ask(other);
  expect([address(), address('100::2')]).toEqual([undefined, '192.0.2.60']);
});
