// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@fairlead/shared/runtime/clock.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { pollReadable } from '../../system/libc.ts';
import { DEFAULT_PLACEMENT } from '../raft/placement.ts';
import { DEFAULT_TIMING } from '../raft/timing.ts';
import { BallotFile } from './ballot-file.ts';
import { RaftHost } from './raft-host.ts';
import type { RaftReport, RaftSetup, RaftStatus } from './raft-port.ts';

const { monotonicMs } = systemClock;
const NAMES = ['n1', 'n2', 'n3'] as const;
const ADDRESSES = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::4'];
const KEY = Buffer.alloc(32, 7);
/** Long enough for any machine; nothing here is measured. */
const LIMIT_MS = 20_000;

/** One agent: a host, and a main thread that puts on what is granted. */
class Agent {
  readonly name: string;
  readonly host: RaftHost;
  readonly reports: RaftReport[] = [];
  /** While set, addresses that are taken away stay on this node. */
  isSlow = false;
  onNode: ReadonlySet<string> = new Set();
  status: RaftStatus | undefined;
  #version = 0;

  constructor(name: string) {
    this.name = name;
    this.host = new RaftHost({
      monotonicMs,
      post: (report) => this.#hear(report),
      onGrants: () => undefined,
    });
  }

  answers(address: string): boolean {
    const nowMs = monotonicMs();
    return this.host.untilMs(address, nowMs) > nowMs;
  }

  /** What a main thread does after a pass. */
  act(): void {
    const last = this.reports.findLast((report) => report.type === 'granted');
    const version = last?.grants.version ?? 0;
    if (version === this.#version || this.isSlow) return;
    this.#version = version;
    this.onNode = last?.grants.addresses ?? new Set();
    this.host.handle({ type: 'onNode', addresses: this.onNode, version });
  }

  #hear(report: RaftReport): void {
    this.reports.push(report);
    if (report.type === 'status') this.status = report.status;
  }
}

describe('three agents on one machine', () => {
  const agents: Agent[] = [];
  let basePort = 0;

  afterEach(() => {
    for (const { host } of agents.splice(0)) host.close();
  });

  const setup = (name: string, keys: RaftSetup['keys'] = { signing: KEY, others: [] }): RaftSetup => ({
    id: { name, instance: Buffer.from(`${name}${basePort}`.padEnd(8, '-').slice(0, 8)).toString('hex') },
    groupId: 'a'.repeat(32),
    // A machine under load must not move addresses by itself here: what is tested is the wiring.
    timing: { ...DEFAULT_TIMING, renewMs: 200, grantMs: 900, heartbeatMs: 120, leaseMs: 480, tailMs: 420 },
    placement: DEFAULT_PLACEMENT,
    listen: { address: '127.0.0.1', port: basePort + NAMES.indexOf(name as (typeof NAMES)[number]) },
    keys,
  });

  function begin(names: readonly string[] = NAMES): void {
    basePort = 20_000 + Math.floor(Math.random() * 20_000);
    for (const name of names) {
      const agent = new Agent(name);
      agents.push(agent);
      const { host } = agent;
      host.handle({ type: 'start', setup: setup(name) });
      const endpoints = new Map(NAMES.map((each, index) => [each, `127.0.0.1:${basePort + index}`]));
      host.handle({ type: 'endpoints', endpoints });
      host.handle({ type: 'config', config: { epoch: 1, voters: [...NAMES] } });
      host.handle({
        type: 'groups',
        groups: ADDRESSES.map((each) => ({ addresses: [each], candidates: 'any' })),
      });
    }
  }

  /** Lets the agents run until something is so. */
  function until(what: string, isSo: () => boolean): void {
    const endMs = monotonicMs() + LIMIT_MS;
    while (!isSo()) {
      if (monotonicMs() > endMs) throw new Error(`not within ${LIMIT_MS} ms: ${what}`);
      const nextMs = Math.min(...agents.map(({ host }) => host.nextAtMs));
      const waitMs = Math.max(0, Math.min(20, Math.ceil(nextMs - monotonicMs())));
      pollReadable(
        agents.flatMap(({ host }) => host.descriptors),
        waitMs,
      );
      for (const agent of agents) {
        agent.host.mainAlive();
        agent.host.turn();
        agent.act();
      }
      for (const address of ADDRESSES) {
        const owners = agents.filter((agent) => agent.answers(address)).map(({ name }) => name);
        expect(owners.length, `${address} on ${owners.join(' and ')}`).toBeLessThan(2);
      }
    }
  }

  const ownersOf = (address: string) =>
    agents.filter((agent) => agent.answers(address)).map(({ name }) => name);
  const allServed = () => ADDRESSES.every((address) => ownersOf(address).length === 1);

  it('give each address to one of them, and the addresses of one that dies to the others', () => {
    begin();
    until('all addresses are served', allServed);
    const victim = agents.find((agent) => agent.answers('192.0.2.1'));
    if (victim === undefined) throw new Error('nobody has 192.0.2.1');
    victim.host.close();
    agents.splice(agents.indexOf(victim), 1);
    until('the survivors serve all', allServed);
    until('they say so', () => agents.every(({ status }) => status?.members.get(victim.name) === 'lost'));
  });

  it('hand an address on only when it is off the node of the one before', () => {
    begin();
    until('all addresses are served', allServed);
    const owner = agents.find((agent) => agent.answers('192.0.2.1'));
    if (owner === undefined) throw new Error('nobody has 192.0.2.1');
    owner.isSlow = true;
    owner.host.handle({ type: 'refused', addresses: new Set(['192.0.2.1']) });
    until('the owner is silent', () => !owner.answers('192.0.2.1'));
    const fromMs = monotonicMs();
    until('some time has passed', () => monotonicMs() > fromMs + 300);
    // Still on its node: nobody else may have it before the grant has run out.
    expect(ownersOf('192.0.2.1')).toEqual([]);
    owner.isSlow = false;
    until('somebody else has it', () => ownersOf('192.0.2.1').some((name) => name !== owner.name));
  });

  it('pass on what is granted to one that could not serve it before it had anything', () => {
    begin();
    const [first, ...others] = agents;
    if (first === undefined) throw new Error('nobody');
    first.host.handle({ type: 'refused', addresses: new Set(ADDRESSES) });
    until('the others serve all', () =>
      ADDRESSES.every((address) => others.some((agent) => agent.answers(address))),
    );
  });

  it('take over at once when one says goodbye', () => {
    begin();
    until('all addresses are served', allServed);
    const [leaver] = agents;
    if (leaver === undefined) throw new Error('nobody');
    leaver.host.handle({ type: 'drain', isOn: true });
    until('it has handed over', () => leaver.status?.isDrained === true && leaver.onNode.size === 0);
    leaver.host.handle({ type: 'stop' });
    expect(leaver.reports.at(-1)).toEqual({ type: 'stopped' });
    agents.splice(0, 1);
    until('the others serve all', allServed);
  });

  it('go on through a change of keys, and ignore whoever has none of theirs', () => {
    begin();
    until('all addresses are served', allServed);
    const before = ADDRESSES.map(ownersOf);
    const next = Buffer.alloc(32, 9);
    for (const { host } of agents) host.handle({ type: 'keys', keys: { signing: KEY, others: [next] } });
    for (const { host } of agents) host.handle({ type: 'keys', keys: { signing: next, others: [KEY] } });
    for (const { host } of agents) host.handle({ type: 'keys', keys: { signing: next, others: [] } });
    const fromMs = monotonicMs();
    until('grants were renewed since', () => monotonicMs() > fromMs + 1_200 && allServed());
    expect(ADDRESSES.map(ownersOf)).toEqual(before);
    const [odd] = agents;
    odd?.host.handle({ type: 'keys', keys: { signing: Buffer.alloc(32, 1), others: [] } });
    until('it is lost to the others', () =>
      agents.slice(1).every(({ status }) => status?.members.get('n1') === 'lost'),
    );
    until('they count why', () =>
      agents.some(({ status }) => (status?.traffic.ignored.get('unknownKey') ?? 0) > 0),
    );
  });

  it('keep term and vote on disk across restarts', () => {
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-host-'));
    try {
      begin();
      until('all addresses are served', allServed);
      const [first] = agents;
      if (first === undefined) throw new Error('nobody');
      const kept = { ...setup('n1'), ballotFile: join(folder, 'n1') };
      const restart = (instance: string) => {
        first.host.handle({ type: 'start', setup: { ...kept, id: { name: 'n1', instance } } });
        const endpoints = new Map(NAMES.map((each, index) => [each, `127.0.0.1:${basePort + index}`]));
        first.host.handle({ type: 'endpoints', endpoints });
        first.host.handle({ type: 'config', config: { epoch: 1, voters: [...NAMES] } });
        first.status = undefined;
      };
      restart('00000000000000b1');
      until('it follows somebody', () => first.status?.reign !== undefined);
      const { term = 0 } = first.status ?? {};
      first.host.close();
      const file = BallotFile.open(kept.ballotFile);
      expect(file.ballot.term).toBe(term);
      file.close();
      restart('00000000000000b2');
      first.host.turn();
      expect(first.status?.term).toBe(term);
      for (const { host } of agents.splice(1)) host.close();
      writeFileSync(kept.ballotFile, 'not a vote');
      expect(() => restart('00000000000000b3')).toThrow('holds no vote');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('say when a port cannot be had, and take it when it is free', () => {
    begin(['n1', 'n2']);
    const second = new Agent('n3');
    const wanted = setup('n1');
    second.host.handle({ type: 'start', setup: { ...wanted, id: { ...wanted.id, name: 'n3' } } });
    second.host.turn();
    expect(second.status?.problem).toContain('EADDRINUSE');
    agents[0]?.host.close();
    agents.splice(0, 1, second);
    until('it has the port', () => second.status?.problem === undefined);
  });

  it('let go when their main thread stands still', () => {
    begin();
    until('all addresses are served', allServed);
    for (const { host } of agents) host.handle({ type: 'informed', isInformed: true });
    const [stalled] = agents;
    if (stalled === undefined) throw new Error('nobody');
    stalled.host.mainAlive = () => undefined;
    until('the others serve all', () => allServed() && ADDRESSES.every((each) => !stalled.answers(each)));
  });
});
