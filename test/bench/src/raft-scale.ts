// SPDX-License-Identifier: Apache-2.0
/**
 * What coordinating costs: one real node of the `raft` engine with everything on its way (signatures checked and made, text
 * and bytes), and as many members as asked for, in simulated time. What the kernel takes for a datagram comes on top.
 */
import { parseArgs } from 'node:util';
import { Codec } from '@fairlead/agent/ownership/raft/codec.ts';
import { KeyRing } from '@fairlead/agent/ownership/raft/key-ring.ts';
import type { AgentId, Message } from '@fairlead/agent/ownership/raft/messages.ts';
import { RaftNode } from '@fairlead/agent/ownership/raft/node.ts';
import type { NodeInput } from '@fairlead/agent/ownership/raft/node-api.ts';
import { DEFAULT_PLACEMENT, Placement } from '@fairlead/agent/ownership/raft/placement.ts';
import { ReplayGuard } from '@fairlead/agent/ownership/raft/replay-guard.ts';
import { Agenda } from '@fairlead/agent/ownership/raft/simulation/agenda.ts';
import { Random } from '@fairlead/agent/ownership/raft/simulation/random.ts';
import { DEFAULT_TIMING } from '@fairlead/agent/ownership/raft/timing.ts';
import type { Benchmark, BenchmarkResult } from './benchmark.ts';

const DEFAULT_SIZES: readonly number[] = [3, 100, 300, 1_000];
const VOTERS = 3;
const ADDRESSES = 1_000;
const GROUP_ID = 'b'.repeat(32);
/** Everything has its place by then. */
const SETTLE_MS = 5_000;
const MEASURE_MS = 10_000;
const MAIN_MS = 500;
/** 99th of a hundred. */
const TAIL = 0.99;

interface ScaleFigures {
  readonly members: number;
  /** Datagrams to and from the coordinator, per second. */
  readonly receivedPerSecond: number;
  readonly sentPerSecond: number;
  /** One input of the coordinator, with decoding and with encoding the answer; microseconds. */
  readonly medianUs: number;
  readonly p99Us: number;
  /** Of one core, while nothing happens. */
  readonly percentOfCore: number;
}

interface Measured {
  /** Microseconds that each input took. */
  readonly times: readonly number[];
  /** Processor time of all of them. */
  readonly cpuUs: number;
  readonly received: number;
  readonly sent: number;
}

/** One member of the group. */
interface Agent {
  readonly id: AgentId;
  readonly node: RaftNode;
  plannedMs: number;
}

class ScaleGroup {
  readonly agenda = new Agenda();
  readonly #random = new Random(1);
  readonly #agents = new Map<string, Agent>();
  readonly #codec = new Codec();
  readonly #keys: KeyRing;
  readonly #guards = new Map<string, ReplayGuard>();
  /** Microseconds of each input of the coordinator since the last {@link take}. */
  #times: number[] = [];
  #cpuUs = 0;
  #received = 0;
  #sent = 0;

  constructor(members: number) {
    const ring = KeyRing.of(new Uint8Array(32).fill(7));
    if (!ring.ok) throw new Error(ring.problem);
    this.#keys = ring.value;
    const names = Array.from({ length: members }, (_, index) => `node-${String(index).padStart(4, '0')}`);
    const groups = Array.from({ length: ADDRESSES }, (_, index) => ({
      addresses: [`192.168.${index >> 8}.${index & 255}`],
      candidates: 'any' as const,
    }));
    const config = { epoch: 1, voters: names.slice(0, VOTERS) };
    for (const name of names) {
      const agent = this.#create(name);
      this.#agents.set(name, agent);
      this.give(agent, { type: 'config', config });
      this.give(agent, { type: 'peers', names });
      this.give(agent, { type: 'groups', groups });
      this.#beat(agent);
    }
  }

  /** What was measured since the last call. */
  take(): Measured {
    const taken = { times: this.#times, cpuUs: this.#cpuUs, received: this.#received, sent: this.#sent };
    this.#times = [];
    this.#cpuUs = 0;
    this.#received = 0;
    this.#sent = 0;
    return taken;
  }

  give(agent: Agent, input: NodeInput): void {
    const output = agent.node.step(this.agenda.nowMs, input);
    if (output.changed) {
      const { granted } = agent.node;
      this.agenda.after(1, () => this.give(agent, { type: 'onNode', addresses: granted }));
    }
    for (const message of output.messages) this.#carry(message);
    this.#plan(agent, output.wakeAtMs);
  }

  #create(name: string): Agent {
    const id = { name, instance: this.#random.instance() };
    this.#guards.set(name, new ReplayGuard(id));
    const node = new RaftNode({
      id,
      groupId: GROUP_ID,
      timing: DEFAULT_TIMING,
      random: () => this.#random.next(),
      createPlacement: () => new Placement({ ...DEFAULT_PLACEMENT, rebalanceEveryMs: undefined }),
      startMs: 0,
    });
    return { id, node, plannedMs: Number.POSITIVE_INFINITY };
  }

  #beat(agent: Agent): void {
    this.agenda.after(MAIN_MS, () => {
      this.give(agent, { type: 'mainAlive' });
      this.#beat(agent);
    });
  }

  /** To and from the coordinator as bytes, and timed there; the others cost nothing here. */
  #carry(message: Message): void {
    const to = this.#agents.get(message.to);
    if (to === undefined) return;
    this.agenda.after(this.#random.between(0.1, 0.8), () => {
      if (to.node.status(this.agenda.nowMs).rightUntilMs === undefined)
        this.give(to, { type: 'message', message });
      else this.#coordinate(to, message);
    });
  }

  #coordinate(agent: Agent, message: Message): void {
    const datagram = this.#codec.encode(message, this.#keys);
    if (!datagram.ok) throw new Error(datagram.problem);
    const started = now();
    const decoded = this.#codec.decode(datagram.value, this.#keys, GROUP_ID);
    if (!decoded.ok || this.#guards.get(agent.id.name)?.check(decoded.message) === 'replayed') return;
    const output = agent.node.step(this.agenda.nowMs, { type: 'message', message: decoded.message });
    for (const answer of output.messages) this.#codec.encode(answer, this.#keys);
    this.#count(started);
    this.#received++;
    this.#sent += output.messages.length;
    if (output.changed) {
      const { granted } = agent.node;
      this.agenda.after(1, () => this.give(agent, { type: 'onNode', addresses: granted }));
    }
    for (const answer of output.messages) this.#carry(answer);
    this.#plan(agent, output.wakeAtMs);
  }

  #count(started: ReturnType<typeof now>): void {
    const { wallUs, cpuUs } = now();
    this.#times.push(wallUs - started.wallUs);
    this.#cpuUs += cpuUs - started.cpuUs;
  }

  #plan(agent: Agent, wakeAtMs: number): void {
    const atMs = Math.max(wakeAtMs, this.agenda.nowMs);
    if (atMs >= agent.plannedMs || atMs === Number.POSITIVE_INFINITY) return;
    agent.plannedMs = atMs;
    this.agenda.at(atMs, () => {
      if (agent.plannedMs !== atMs) return;
      agent.plannedMs = Number.POSITIVE_INFINITY;
      this.#tick(agent);
    });
  }

  #tick(agent: Agent): void {
    const started = now();
    const isCoordinator = agent.node.status(this.agenda.nowMs).rightUntilMs !== undefined;
    this.give(agent, { type: 'tick' });
    if (isCoordinator) this.#count(started);
  }
}

function measure(members: number): ScaleFigures {
  const group = new ScaleGroup(members);
  group.agenda.run(SETTLE_MS);
  group.take();
  group.agenda.run(SETTLE_MS + MEASURE_MS);
  const rest = group.take();
  const seconds = MEASURE_MS / 1_000;
  const sorted = [...rest.times].sort((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return {
    members,
    receivedPerSecond: Math.round(rest.received / seconds),
    sentPerSecond: Math.round(rest.sent / seconds),
    medianUs: round1(at(0.5)),
    p99Us: round1(at(TAIL)),
    percentOfCore: round1(rest.cpuUs / (seconds * 10_000)),
  };
}

/**
 * Two clocks: the thread's processor time leaves out other programs on the machine, but moves in steps that are longer than
 * most inputs take, so it is good for sums only.
 */
function now(): { readonly wallUs: number; readonly cpuUs: number } {
  const { user, system } = process.threadCpuUsage();
  return { wallUs: performance.now() * 1_000, cpuUs: user + system };
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}

function sizesIn(args: readonly string[]): readonly number[] {
  const { values } = parseArgs({ args: [...args], options: { members: { type: 'string' } }, strict: true });
  if (values.members === undefined) return DEFAULT_SIZES;
  return values.members.split(',').map((text) => {
    const size = Number(text);
    if (!Number.isInteger(size) || size < VOTERS || size > 5_000) {
      throw new Error(
        `--members: expected numbers from ${VOTERS} to 5000 with commas between, got "${values.members}"`,
      );
    }
    return size;
  });
}

function run(say: (text: string) => void, args: readonly string[]): BenchmarkResult {
  const figures = sizesIn(args).map((members) => {
    say(`${members} members, ${ADDRESSES} addresses`);
    return measure(members);
  });
  return {
    figures: { addresses: ADDRESSES, sizes: figures },
    table: [
      ['members', 'in/s', 'out/s', 'median µs', 'p99 µs', '% of a core'],
      ...figures.map((each) => Object.values(each).map(String)),
    ],
  };
}

/** Processor time of a coordinator, by number of members. */
export const raftScale: Benchmark = {
  name: 'raft-scale',
  about: 'what coordinating 3 to 1,000 members costs (--members 300,1000)',
  run: (say, args) => Promise.resolve(run(say, args)),
};
