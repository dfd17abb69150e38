// SPDX-License-Identifier: Apache-2.0
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import type { EventRecorder } from '@fairlead/shared/kubernetes/events.ts';
import type { Node } from '@fairlead/shared/kubernetes/objects.ts';
import type { ReadonlyStore } from '@fairlead/shared/kubernetes/reflector.ts';
import type { Clock } from '@fairlead/shared/runtime/clock.ts';
import type { Logger } from '@fairlead/shared/runtime/logging.ts';
import { createHealthChecker } from '../balance/health/create-health-checker.ts';
import type { HealthTarget } from '../balance/health/health-check.ts';
import type { ControlPlaneSettings, OwnHealthCheck } from '../config/control-plane-settings.ts';
import { ControlPlane } from './control-plane.ts';
import { customTarget } from './targets.ts';
import { ControlPlaneTeller } from './teller.ts';

/** What {@link createControlPlane} needs. */
export interface CreateControlPlaneOptions {
  readonly settings: ControlPlaneSettings;
  /** This node. */
  readonly node: string;
  readonly nodes: ReadonlyStore<Node>;
  /** The data plane is IPVS. */
  readonly byIpvs?: boolean;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Makes the control plane of this node; API servers are probed from its first claim on. */
export async function createControlPlane(options: CreateControlPlaneOptions): Promise<ControlPlane> {
  const { settings, node, nodes, clock, events, byIpvs = false } = options;
  const logger = options.logger.child({ part: 'control plane' });
  const { healthCheck } = settings;
  const own = healthCheck === undefined ? undefined : await readTarget(healthCheck, logger);
  const checker = createHealthChecker({ clock, logger });
  const teller = new ControlPlaneTeller({ node, events, logger });
  return new ControlPlane({
    settings,
    node,
    nodes,
    checker,
    byIpvs,
    teller,
    ...(own === undefined ? {} : { own }),
  });
}

/** Undefined when the URL or the file of certificates cannot be used: then the API server is asked in the usual way. */
async function readTarget(check: OwnHealthCheck, logger: Logger): Promise<HealthTarget | undefined> {
  const host = check.url.hostname.replace(/^\[|\]$/g, '');
  try {
    const { address } = await lookup(host);
    const ca = check.caFile === undefined ? undefined : await readFile(check.caFile, 'utf8');
    return customTarget(check, address, ca);
  } catch (error) {
    logger.error(
      { err: error, url: check.url.href },
      'the health check cannot be used; /readyz is asked instead',
    );
    return undefined;
  }
}
