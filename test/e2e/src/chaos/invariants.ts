// SPDX-License-Identifier: Apache-2.0
import { monotonicMs } from '@fairlead/test-lab/journal.ts';
import { agentStatus, groupTrouble } from '../agent-status.ts';
import { duplicateHolders } from './verdict.ts';
import { type ChaosService, type ChaosWorld, curl } from './world.ts';

/** Each Service has one address of each family. */
const ADDRESSES_EACH = 2;
/** The observer must have heard an answer within this time for an address to count as answered. */
const FRESH_MS = 250;
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
    Promise.all(services.map((service) => answerTrouble(world, service))),
    Promise.all(world.nodes.map((node) => kernelTrouble(world, node, services))),
  ]);
  const missing = world.names.filter((name) => !services.some((service) => service.name === name));
  return {
    unwell: [
      ...missing.map((name) => `there is no Service ${name}`),
      ...agents.flat(),
      ...group,
      ...answers.flat(),
      ...duplicateHolders(services),
      ...formerTrouble(world, services),
      ...(await podTrouble(world)),
    ],
    leftBehind: kernel.flat(),
  };
}

async function agentTrouble(world: ChaosWorld, node: string): Promise<readonly string[]> {
  if (world.cluster.lab.state(node).power === 'off') return [`${node} is powered off`];
  const { code } = await world.cluster.lab.exec(node, curl('http://127.0.0.1:2112/readyz'));
  return code === 0 ? [] : [`the agent on ${node} is not ready`];
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

async function answerTrouble(world: ChaosWorld, service: ChaosService): Promise<readonly string[]> {
  const { name, addresses, ports } = service;
  if (addresses.length !== ADDRESSES_EACH) return [`${name} has ${addresses.length} addresses`];
  const owners = new Set(addresses.map((address) => freshOwner(world, address)));
  const trouble = owners.has(undefined) ? [`${name}: nobody answers for ${addresses.join(' or ')}`] : [];
  if (owners.size > 1) trouble.push(`${name}: its addresses are on ${[...owners].join(' and ')}`);
  for (const address of addresses) {
    for (const port of ports) {
      const host = address.includes(':') ? `[${address}]` : address;
      const { code } = await world.cluster.lab.exec('client', curl(`http://${host}:${port}/`));
      if (code !== 0) trouble.push(`${name}: ${host}:${port} does not serve (curl ${code})`);
    }
  }
  return trouble;
}

/** The node that answered for an address just now; undefined when none did, or none of the cluster's agents. */
function freshOwner(world: ChaosWorld, address: string): string | undefined {
  const { events } = world.observer;
  const sinceMs = monotonicMs() - FRESH_MS;
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
  const sinceMs = monotonicMs() - SILENT_MS;
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
  const lines = await world.cluster.addressesOnLo(node);
  const present = new Set(lines.map((line) => /\sinet6? ([^/\s]+)\//.exec(line)?.[1] ?? line));
  const wanted = new Set(
    services.flatMap(({ addresses }) => addresses).filter((address) => freshOwner(world, address) === node),
  );
  const tables = await world.cluster.lab.exec(node, ['nft', 'list', 'tables']);
  const lacking = GUARD_TABLES.filter((table) => !tables.stdout.includes(table));
  return [
    ...[...present].filter((address) => !wanted.has(address)).map((address) => `${node} has ${address} left`),
    ...[...wanted].filter((address) => !present.has(address)).map((address) => `${node} lacks ${address}`),
    ...lacking.map((table) => `${node} lacks ${table}`),
  ];
}

/** The next fault should meet a whole cluster. */
async function podTrouble(world: ChaosWorld): Promise<readonly string[]> {
  const ready = await world.cluster.stage.readyPods();
  return ready.length === 3 ? [] : [`${ready.length} of 3 pods are ready`];
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
