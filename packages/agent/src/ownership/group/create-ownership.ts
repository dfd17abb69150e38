// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import type { KubeClient } from '@fairlead/shared/kubernetes/client.ts';
import type { KubeObject, Node } from '@fairlead/shared/kubernetes/objects.ts';
import type { Reflector } from '@fairlead/shared/kubernetes/reflector.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import type { AgentSettings } from '../../config/settings.ts';
import { isControlPlaneNode } from '../../control-plane/api-servers.ts';
import type { Link } from '../../system/link.ts';
import { defaultRouteInterface, firstLink, linkNames, listLinks } from '../../system/links.ts';
import type { LeaseWatch } from '../lease-engine.ts';
import { createLeaseEngine } from '../lease-engine.ts';
import { CONTROL_PLANE_GROUP_LEASE_NAME, GROUP_LEASE_NAME } from '../raft/group-lease.ts';
import { DEFAULT_GROUP_POLICY } from '../raft/group-situation.ts';
import { DEFAULT_PLACEMENT } from '../raft/placement.ts';
import { createRaftEngine } from '../raft-driver/raft-engine.ts';
import type { RaftPort } from '../raft-driver/raft-port.ts';
import { AbsentNodes } from './absent-nodes.ts';
import { GroupDriver } from './group-driver.ts';
import { createGroupEngine, type GroupOwnership } from './group-engine.ts';
import { createKeySource } from './key-source.ts';
import { formatEndpoint, listenAddress, ownAddress } from './own-endpoint.ts';

/** What {@link createOwnership} connects. */
export interface OwnershipOptions {
  readonly settings: AgentSettings;
  readonly client: KubeClient;
  readonly nodes: Reflector<Node>;
  /** What there is to own follows from these. */
  readonly sources: readonly Reflector<KubeObject>[];
  readonly leases: LeaseWatch | undefined;
  /** Where the node of the `raft` engine lives. */
  readonly port: RaftPort;
  readonly clock: Clock;
  readonly logger: Logger;
  /** For tests: the node's links. */
  readonly readLink?: () => Promise<Link | undefined>;
}

/** Copies of the cluster's objects that are older than this do not count as up to date; a living watch speaks every 20 s. */
const INFORMED_MS = 30_000;
/** Between two looks at the links as long as no address was found. */
const LINK_LOOK_MS = 10_000;
/** The engines of this agent, led by the group record. */
export async function createOwnership(options: OwnershipOptions): Promise<GroupOwnership> {
  const { settings, client, nodes, sources, leases, port, clock, logger } = options;
  const { nodeName: node, raft, groupNamespace: namespace } = settings;
  const own = () => nodes.store.get(undefined, node);
  const address = await createAddress(options, own);
  const absent = new AbsentNodes(node);
  const engine: GroupOwnership = createGroupEngine({
    node,
    wanted: settings.engine,
    keys: createKeySource({
      client,
      namespace,
      secret: raft.keySecret,
      file: raft.keyFile,
      isNeeded: () => settings.engine === 'raft' || engine.group()?.engine === 'raft',
      clock,
      logger,
    }),
    createGroup: (inputs) =>
      new GroupDriver({
        ...inputs,
        client,
        lease: { namespace, name: groupName(settings) },
        self: { name: node, instance: randomBytes(8).toString('hex') },
        policy: {
          ...DEFAULT_GROUP_POLICY,
          engine: settings.engine,
          size: raft.voters,
          reformAfterMs: raft.reformAfterMs,
        },
        newGroupId: randomBytes(16).toString('hex'),
        leases,
        clock,
        random: Math.random,
        logger: logger.child({ part: 'group' }),
      }),
    endpoint: () => {
      const found = address();
      return found === undefined ? undefined : formatEndpoint(found, raft.port);
    },
    isControlPlane: () => isControlPlaneNode(own()),
    gone: (members, nowMs) => {
      absent.observe(isCurrent(nodes) ? namesOf(nodes) : undefined, members, nowMs);
      return absent.gone(nowMs);
    },
    isInformed: () => sources.every(isCurrent),
    createLease: () => createLeaseEngine({ client, node, timing: settings, nodes, leases, clock, logger }),
    createRaft: ({ groupId, keys }) => {
      const raftEngine = createRaftEngine({ port, node, clock, logger: logger.child({ part: 'raft' }) });
      raftEngine.setUp({
        // Whoever begins anew has forgotten its promises, so it must not be taken for the one before.
        id: { name: node, instance: randomBytes(8).toString('hex') },
        groupId,
        timing: raft.timing,
        placement: { ...DEFAULT_PLACEMENT, spread: settings.election === 'perService' ? 'all' : 'one' },
        minority: raft.minority,
        listen: { address: listenAddress(address() ?? '0.0.0.0'), port: raft.port },
        keys,
      });
      return raftEngine;
    },
    clock,
    logger,
  });
  return engine;
}

/** Agents that know of the same things make a group. */
function groupName({ services }: AgentSettings): string {
  return services ? GROUP_LEASE_NAME : CONTROL_PLANE_GROUP_LEASE_NAME;
}

function isCurrent(reflector: Reflector<KubeObject>): boolean {
  return reflector.isSynced && reflector.freshnessMs() < INFORMED_MS;
}

function namesOf(nodes: Reflector<Node>): ReadonlySet<string> {
  return new Set([...nodes.store.values()].flatMap(({ metadata }) => metadata?.name ?? []));
}

/** The address of this agent, looked for until there is one; links are read only where the Node says nothing. */
async function createAddress(
  { settings, clock, logger, readLink = () => readOwnLink(settings.interface) }: OwnershipOptions,
  own: () => Node | undefined,
): Promise<() => string | undefined> {
  const { address: setting, family } = settings.raft;
  let link = await readLink();
  let lookedMs = clock.monotonicMs();
  return () => {
    const found = ownAddress({ setting, family, node: own(), link });
    const nowMs = clock.monotonicMs();
    if (found === undefined && nowMs >= lookedMs + LINK_LOOK_MS) {
      lookedMs = nowMs;
      readLink().then(
        (read) => {
          link = read;
        },
        (error: unknown) => logger.warn({ err: error }, 'the links of this node cannot be read'),
      );
    }
    return found;
  };
}

async function readOwnLink(name: string | undefined): Promise<Link | undefined> {
  const wanted = name ?? (await defaultRouteInterface()) ?? '';
  return firstLink(await listLinks(), linkNames(wanted));
}
