// SPDX-License-Identifier: Apache-2.0
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import { agentStatus, groupTrouble, isAgentReady } from '../agent-status.ts';
import { duplicateHolders } from './verdict.ts';
import type { ChaosService, ChaosWorld } from './world.ts';

/** Each Service has one address of each family. */
const ADDRESSES_EACH = 2;
/** The observer must have heard an answer within this time for an address to count as answered. */
const FRESH_MS = 250;
/** The observer's last word is older than that: wait for more. */
const LATE_MS = 1_000;
/** A former address must have been silent for this long. */
const SILENT_MS = 500;
/** Tables of the guard. */
const GUARD_TABLES = ['arp', 'ip', 'ip6'].map((family) => `table ${family} fairlead_guard`);

/** What keeps the cluster from being as it should, in words; empty when all is well. */
export interface Findings {
  /** The API, the agents, the addresses, the answers. */
  readonly unwell: readonly string[];
  /** Kernel state on nodes that differs from what should be there: addresses, guards. */
  readonly leftBehind: readonly string[];
}

/** Looks at everything that must be true between two faults. Never rejects: what cannot be asked is a finding. */
export async function inspect(world: ChaosWorld): Promise<Findings> {
  let services: readonly ChaosService[];
  try {
    services = await world.services();
  } catch (error) {
    return { unwell: [`the Services cannot be listed: ${wordsOf(error)}`], leftBehind: [] };
  }
  const [agents, group, answers, kernel] = await Promise.all([
    Promise.all(world.nodes.map((node) => agentTrouble(world, node))),
    engineTrouble(world),
    serviceTrouble(world, services),
    Promise.all(world.nodes.map((node) => kernelTrouble(world, node, services))),
  ]);
  const missing = world.names.filter((name) => !services.some((service) => service.name === name));
  return {
    unwell: [
      ...missing.map((name) => `there is no Service ${name}`),
      ...agents.flat(),
      ...group,
      ...observerTrouble(world),
      ...services.flatMap((service) => ownerTrouble(world, service)),
      ...answers,
      ...duplicateHolders(services),
      ...formerTrouble(world, services),
      ...(await podTrouble(world)),
    ],
    leftBehind: kernel.flat(),
  };
}

async function agentTrouble(world: ChaosWorld, node: string): Promise<readonly string[]> {
  if (world.cluster.lab.state(node).power === 'off') return [`${node} is powered off`];
  const isReady = await isAgentReady(world.cluster.lab, node).catch(() => false);
  return isReady ? [] : [`the agent on ${node} is not ready`];
}

/** The agents are one group again, where the engine forms one. */
async function engineTrouble(world: ChaosWorld): Promise<readonly string[]> {
  if (world.engine !== 'raft') return [];
  try {
    return groupTrouble(await Promise.all(world.nodes.map((node) => agentStatus(world.cluster.lab, node))));
  } catch (error) {
    return [wordsOf(error)];
  }
}

function ownerTrouble(world: ChaosWorld, { name, addresses }: ChaosService): readonly string[] {
  if (addresses.length !== ADDRESSES_EACH) return [`${name} has ${addresses.length} addresses`];
  const owners = new Set(addresses.map((address) => freshOwner(world, address)));
  if (owners.has(undefined)) return [`${name}: nobody answers for ${addresses.join(' or ')}`];
  return owners.size > 1 ? [`${name}: its addresses are on ${[...owners].join(' and ')}`] : [];
}

/** Asks every address and port once, all with one program: a busy machine should not be busier because of us. */
async function serviceTrouble(
  world: ChaosWorld,
  services: readonly ChaosService[],
): Promise<readonly string[]> {
  const places = services.flatMap(({ addresses, ports }) =>
    addresses.flatMap((address) => ports.map((port) => placeOf(address, port))),
  );
  if (places.length === 0) return ['no Service has an address'];
  const argv = ['curl', '--silent', '--globoff', '--parallel', '--max-time', '2'];
  const each = places.flatMap((place) => ['--output', '/dev/null', `http://${place}/`]);
  const { stdout } = await world.cluster.lab.exec('client', [
    ...argv,
    ...['--write-out', '%{url} %{http_code}\\n'],
    ...each,
  ]);
  const served = new Set(stdout.split('\n').filter((line) => line.endsWith(' 200')));
  return places
    .filter((place) => !served.has(`http://${place}/ 200`))
    .map((place) => `${place} does not serve`);
}

function placeOf(address: string, port: number): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** The node that answered for an address just now; undefined when none did, or none of the cluster's agents. */
function freshOwner(world: ChaosWorld, address: string): string | undefined {
  const { events } = world.observer;
  // By the observer's time: on a busy machine its words arrive late.
  const sinceMs = (events.at(-1)?.atMs ?? 0) - FRESH_MS;
  for (let index = events.length - 1; index >= 0; index -= 1) {
    const event = events[index];
    if (event === undefined || event.atMs < sinceMs) return undefined;
    if (event.kind === 'answer' && event.address === address) {
      const owner = world.ownerOf(address);
      return owner !== undefined && world.nodes.includes(owner) ? owner : undefined;
    }
  }
  return undefined;
}

/** Former addresses fall silent; once they have, nobody asks for them any more. */
function formerTrouble(world: ChaosWorld, services: readonly ChaosService[]): readonly string[] {
  const { events } = world.observer;
  const sinceMs = (events.at(-1)?.atMs ?? 0) - SILENT_MS;
  return world.former(services).flatMap((address) => {
    const answered = events.findLast((event) => event.kind === 'answer' && event.address === address);
    if (answered !== undefined && answered.atMs > sinceMs)
      return [`${address} answers but belongs to no Service`];
    world.forget(address);
    return [];
  });
}

async function kernelTrouble(
  world: ChaosWorld,
  node: string,
  services: readonly ChaosService[],
): Promise<readonly string[]> {
  if (world.cluster.lab.state(node).power === 'off') return [];
  const { stdout } = await world.cluster.lab.exec(node, [
    ...['sh', '-c', 'ip -oneline address show dev lo && nft list tables'],
  ]);
  const found = [...stdout.matchAll(/\sinet6? ([^/\s]+)\//g)].map(([, address = '']) => address);
  const present = new Set(found.filter((address) => address !== '127.0.0.1' && address !== '::1'));
  const wanted = new Set(
    services.flatMap(({ addresses }) => addresses).filter((address) => freshOwner(world, address) === node),
  );
  const lacking = GUARD_TABLES.filter((table) => !stdout.includes(table));
  return [
    ...[...present].filter((address) => !wanted.has(address)).map((address) => `${node} has ${address} left`),
    ...[...wanted].filter((address) => !present.has(address)).map((address) => `${node} lacks ${address}`),
    ...lacking.map((table) => `${node} lacks ${table}`),
  ];
}

/** What the observer wrote long ago says nothing about now. */
function observerTrouble(world: ChaosWorld): readonly string[] {
  const lateMs = monotonicMs() - (world.observer.events.at(-1)?.atMs ?? 0);
  return lateMs > LATE_MS ? [`the observer is ${Math.round(lateMs)} ms late`] : [];
}

/** The next fault should meet a whole cluster. */
async function podTrouble(world: ChaosWorld): Promise<readonly string[]> {
  const ready = await world.cluster.stage.readyPods();
  return ready.length === 3 ? [] : [`${ready.length} of 3 pods are ready`];
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
