// SPDX-License-Identifier: Apache-2.0
/** One lab at a time per set of private namespaces; a killed predecessor's remains are swept. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readProcess } from '../process/proc.ts';
import { run } from '../process/run.ts';
import { killAll, namespacesOf } from '../verbs/processes.ts';
import type { NetworkPlan } from './plan.ts';

const CLAIM_FILE = '/run/fairlead/lab.json';

interface ClaimRecord {
  readonly pid: number;
  readonly startTicks: number;
  readonly bridge: string;
  readonly hosts: readonly string[];
}

/** Proof that the namespaces are ours. */
export interface NamespaceClaim {
  release(): void;
}

/** Takes the namespaces for this process. Throws when a lab of a living process (this one included) has them. */
export async function claimNamespaces(plan: NetworkPlan): Promise<NamespaceClaim> {
  const previous = readClaim();
  if (previous !== undefined) {
    if (readProcess(previous.pid)?.startTicks === previous.startTicks) {
      throw new Error(`another lab runs in these namespaces (process ${previous.pid}); stop it first`);
    }
    await sweep(previous);
  }
  mkdirSync('/run/netns', { recursive: true });
  mkdirSync('/run/fairlead', { recursive: true });
  const record: ClaimRecord = {
    pid: process.pid,
    startTicks: readProcess(process.pid)?.startTicks ?? 0,
    bridge: plan.bridge.name,
    hosts: plan.hosts.map((host) => host.name),
  };
  writeFileSync(CLAIM_FILE, JSON.stringify(record));
  return { release: () => rmSync(CLAIM_FILE, { force: true }) };
}

function readClaim(): ClaimRecord | undefined {
  try {
    return JSON.parse(readFileSync(CLAIM_FILE, 'utf8')) as ClaimRecord; // written by claimNamespaces only
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function sweep(previous: ClaimRecord): Promise<void> {
  const namespaces = () => previous.hosts.flatMap(namespacesOf);
  await killAll(namespaces);
  for (const name of namespaces()) await run(['ip', 'netns', 'delete', name]);
  for (const host of previous.hosts) await run(['ip', 'link', 'delete', `p-${host}`]);
  await run(['ip', 'link', 'delete', previous.bridge]);
}
