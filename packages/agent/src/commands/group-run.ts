// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import {
  isAlreadyExists,
  isConflict,
  isNotFound,
  type KubeClient,
} from '@fairlead/shared/kubernetes/client.ts';
import { connect } from '@fairlead/shared/kubernetes/connect.ts';
import type { Lease } from '@fairlead/shared/kubernetes/objects.ts';
import { LEASES, SECRETS } from '@fairlead/shared/kubernetes/resources.ts';
import { parseInteger } from '@fairlead/shared/runtime/parse-values.ts';
import type { LeaseName } from '../config/lease-name.ts';
import { formatReformOrder, REFORM_ORDER } from '../ownership/group/reform-order.ts';
import {
  CONTROL_PLANE_GROUP_LEASE_NAME,
  GROUP_LEASE_NAME,
  readGroupLease,
} from '../ownership/raft/group-lease.ts';
import type { GroupState } from '../ownership/raft/group-record.ts';

/** Flags of `agent group show`, as text. */
export interface GroupFlags {
  readonly json?: boolean;
  readonly kubeconfig?: string;
  readonly namespace: string;
  readonly controlPlane?: boolean;
}

/** Flags of `agent group reform`. */
export interface GroupReformFlags extends GroupFlags {
  readonly yes?: boolean;
  readonly timeout: string;
}

/** Flags of `agent group key`. */
export interface GroupKeyFlags {
  readonly manifest?: boolean;
  readonly create?: boolean;
  readonly kubeconfig?: string;
  readonly secret: string;
  readonly namespace: string;
}

/** What a command reads and writes. */
export interface GroupRun<F extends GroupFlags | GroupKeyFlags> {
  readonly flags: F;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly write: (text: string) => void;
  readonly complain: (text: string) => void;
}

/** Exit codes, documented. */
const DONE = 0;
const FAILED = 1;

const POLL_MS = 250;
const MAX_TIMEOUT_S = 600;

/** Something that the operator has to mend. */
class GroupCommandError extends Error {
  override readonly name = 'GroupCommandError';
}

/** Prints the group record. Resolves with the exit code. */
export async function showGroup(run: GroupRun<GroupFlags>): Promise<number> {
  return await guarded(run, async (client) => {
    const state = stateOf(await readLease(client, leaseOf(run.flags)));
    run.write(
      run.flags.json === true ? `${JSON.stringify(groupDocument(state), undefined, 2)}\n` : groupTable(state),
    );
  });
}

/** Orders a reform and waits until it is done. Resolves with the exit code. */
export async function reformGroup(
  run: GroupRun<GroupReformFlags> & { readonly nodes: readonly string[] },
): Promise<number> {
  const { flags, nodes, write } = run;
  return await guarded(run, async (client) => {
    const seconds = parseInteger(flags.timeout, { min: 1, max: MAX_TIMEOUT_S });
    if (!seconds.ok)
      throw new GroupCommandError(`--timeout is "${flags.timeout}"; expected ${seconds.problem}`);
    const voters = [...new Set(nodes)].sort();
    const lease = leaseOf(flags);
    const state = stateOf(await readLease(client, lease));
    checkOrder(state, voters, flags.yes === true);
    const { epoch } = state.record;
    await giveOrder(client, lease, formatReformOrder({ epoch, voters }));
    write(`ordered; waiting for ${voters.join(', ')} (at most ${seconds.value} s)\n`);
    const endMs = performance.now() + seconds.value * 1_000;
    for (;;) {
      const now = stateOf(await readLease(client, lease));
      if (now.record.epoch > epoch) {
        write(`epoch ${now.record.epoch}, voters ${now.record.voters.join(', ')}\n`);
        return;
      }
      if (performance.now() > endMs) break;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    await giveOrder(client, lease, undefined);
    throw new GroupCommandError(
      `not done within ${seconds.value} s, and the order is withdrawn. An agent refuses while it hears a coordinator or a ` +
        `majority of the voters; the log of the agents on ${voters.join(', ')} says why`,
    );
  });
}

/** A fresh key, as text or as a manifest. */
export function groupKey({ manifest, secret, namespace }: GroupKeyFlags): string {
  const key = randomKey();
  if (manifest !== true) return `${key}\n`;
  return [
    'apiVersion: v1',
    'kind: Secret',
    'metadata:',
    `  name: ${JSON.stringify(secret)}`,
    `  namespace: ${JSON.stringify(namespace)}`,
    'type: Opaque',
    'stringData:',
    `  key: ${JSON.stringify(key)}`,
    '',
  ].join('\n');
}

/**
 * Creates the Secret with a fresh key, unless there is one: a key in use is never replaced. Needs the right to create Secrets
 * and no other. Resolves with the exit code.
 */
export async function createGroupKey(run: GroupRun<GroupKeyFlags>): Promise<number> {
  const { secret, namespace } = run.flags;
  return await guarded(run, async (client) => {
    const ref = { namespace, name: secret };
    try {
      await client.create(SECRETS, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: ref,
        type: 'Opaque',
        stringData: { key: randomKey() },
      });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      run.write(`Secret ${namespace}/${secret} is there already, and stays as it is\n`);
      return;
    }
    run.write(`Secret ${namespace}/${secret} created\n`);
  });
}

function randomKey(): string {
  return randomBytes(32).toString('hex');
}

function checkOrder({ record, members }: GroupState, voters: readonly string[], isConfirmed: boolean): void {
  if (record.engine !== 'raft' || record.voters.length === 0) {
    throw new GroupCommandError(
      `the engine "${record.engine}" is in force, without voters: there is nothing to reform`,
    );
  }
  const unknown = voters.find((name) => !members.has(name));
  if (unknown !== undefined) {
    throw new GroupCommandError(
      `${unknown} is no agent of the group; there are ${[...members.keys()].sort().join(', ')}`,
    );
  }
  const others = record.voters.filter((name) => !voters.includes(name));
  if (isConfirmed) return;
  throw new GroupCommandError(
    `this makes ${voters.join(', ')} the voters, instead of ${record.voters.join(', ')}. ` +
      (others.length === 0
        ? ''
        : `${others.join(', ')} must be off: a voter that lives unseen may go on granting, and then two nodes answer for one address. `) +
      'Repeat it with --yes if that is so',
  );
}

async function giveOrder(client: KubeClient, ref: LeaseName, order: string | undefined): Promise<void> {
  for (;;) {
    const lease = await readLease(client, ref);
    const { [REFORM_ORDER]: _, ...annotations } = lease.metadata?.annotations ?? {};
    const next = order === undefined ? annotations : { ...annotations, [REFORM_ORDER]: order };
    try {
      await client.replace(LEASES, { ...lease, metadata: { ...lease.metadata, annotations: next } });
      return;
    } catch (error) {
      // An agent has written meanwhile.
      if (!isConflict(error)) throw error;
    }
  }
}

/** Which Lease has the record that is meant. */
function leaseOf({ namespace, controlPlane }: GroupFlags): LeaseName {
  return { namespace, name: controlPlane === true ? CONTROL_PLANE_GROUP_LEASE_NAME : GROUP_LEASE_NAME };
}

async function readLease(client: KubeClient, ref: LeaseName): Promise<Lease> {
  try {
    return await client.get(LEASES, ref);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new GroupCommandError(
      `there is no Lease ${ref.namespace}/${ref.name}: no agent has made a group yet, or it is in another namespace`,
    );
  }
}

function stateOf(lease: Lease): GroupState {
  const reading = readGroupLease(lease);
  if (reading.kind === 'found') return reading.state;
  const why = reading.kind === 'unreadable' ? reading.problem : 'it is not there';
  throw new GroupCommandError(`the group record cannot be read: ${why}`);
}

function groupDocument({ record, members }: GroupState) {
  return {
    ...record,
    switching: record.switching ?? null,
    previous: record.previous ?? null,
    members: [...members].map(([node, member]) => ({
      node,
      ...member,
      isVoter: record.voters.includes(node),
    })),
  };
}

/** For people; pure. */
export function groupTable(state: GroupState): string {
  const { record, members } = state;
  const { switching, previous, voters } = record;
  const head = [
    ['group', record.groupId],
    [
      'epoch',
      `${record.epoch}, ${previous === undefined ? 'active' : 'not active yet'}, written by ${record.writer}`,
    ],
    [
      'engine',
      switching === undefined
        ? record.engine
        : `${record.engine}, to become ${switching.to} (${switching.stage})`,
    ],
    ['voters', voters.length === 0 ? 'none' : `${voters.join(', ')} (${record.size} wanted)`],
  ];
  const rows = [...members]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([node, { endpoint, controlPlane, confirmed, instance }]) => [
      node,
      voters.includes(node) ? 'voter' : 'member',
      endpoint === '' ? '(cannot run raft)' : endpoint,
      controlPlane ? 'control plane' : 'worker',
      switching === undefined ? '' : confirmed === record.epoch ? 'confirmed' : 'waited for',
      instance,
    ]);
  return `${columns(head)}\n${columns([['NODE', 'ROLE', 'ENDPOINT', 'KIND', 'SWITCH', 'INSTANCE'], ...rows])}`;
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const isEmpty = widths.map((_, i) => rows.slice(1).every((row) => (row[i] ?? '') === ''));
  const line = (row: readonly string[]) =>
    row
      .flatMap((cell, i) => (isEmpty[i] && rows.length > 1 ? [] : [cell.padEnd(widths[i] ?? 0)]))
      .join('  ')
      .trimEnd();
  return `${rows.map(line).join('\n')}\n`;
}

async function guarded(
  { flags, env, complain }: GroupRun<GroupFlags | GroupKeyFlags>,
  act: (client: KubeClient) => Promise<void>,
): Promise<number> {
  const file = flags.kubeconfig ?? (env.k8s_config_file || undefined);
  const inCluster = file === undefined && Boolean(env.KUBERNETES_SERVICE_HOST);
  try {
    const client = await connect({ ...(file !== undefined && { kubeconfig: file }), inCluster });
    try {
      await act(client);
      return DONE;
    } finally {
      client.close();
    }
  } catch (error) {
    complain(`${error instanceof Error ? error.message : String(error)}\n`);
    return FAILED;
  }
}
