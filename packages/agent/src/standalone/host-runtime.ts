// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { createRegistry } from '@fairlead/shared/runtime/metrics.ts';
import type { createShutdown } from '@fairlead/shared/runtime/shutdown.ts';
import { type Listen, startStatusServers } from '../manager/status-servers.ts';
import type { StatusDump } from '../status/dump-on-signal.ts';
import { STATUS_PATH, serveStatus } from '../status/status-socket.ts';
import { VERSION } from '../version.ts';
import type { HostAgent } from './host-agent.ts';

/** What a program of this kind runs in. */
export interface HostRuntime {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly shutdown: ReturnType<typeof createShutdown>;
  readonly dump: StatusDump;
}

/** Lets others look: the socket of `agent status`, SIGUSR1, and a server for probes and metrics where one is wanted. */
export async function openStatus(
  agent: HostAgent,
  listen: Listen | undefined,
  { logger, shutdown, dump }: HostRuntime,
): Promise<void> {
  dump.from(() => agent.status());
  const socket = await serveStatus(() => agent.status(), { logger });
  const servers = await startStatusServers(listen === undefined ? [] : [listen], {
    health: () => agent.health(),
    ready: () => agent.ready(),
    registry: createRegistry({ program: 'agent', version: VERSION }),
    documents: { [STATUS_PATH]: () => agent.status() },
    logger,
  });
  shutdown.addStep('status servers', async () => {
    await socket.close();
    await Promise.all(servers.map((server) => server.close()));
  });
}
