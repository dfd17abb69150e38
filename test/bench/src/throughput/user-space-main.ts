// SPDX-License-Identifier: Apache-2.0
/** Our user-space plane as a program of its own: `user-space-main.ts ADDRESS PORT TARGET:PORT…`; says `ready` when it listens. */
import { DEFAULT_PROXY_OPTIONS } from '@fairlead/agent/balance/user-space/listener.ts';
import { createUserSpacePlane } from '@fairlead/agent/balance/user-space/threaded-plane.ts';
import { createLogger } from '@fairlead/shared/runtime/logging.ts';

const [address, port, ...targets] = process.argv.slice(2);
if (address === undefined || targets.length === 0) throw new Error('expected ADDRESS PORT TARGET:PORT…');
const plane = createUserSpacePlane({ logger: createLogger({ name: 'user-space', level: 'error' }) });
const problems = await plane.apply([
  {
    id: 'bench',
    service: 'bench',
    mode: 'tcp',
    address,
    port: Number(port),
    targets: targets.map((text) => {
      const [host = '', targetPort] = text.split(':');
      return { id: text, host, port: Number(targetPort), weight: 1 };
    }),
    scheduler: 'roundRobin',
    affinitySeconds: undefined,
    options: DEFAULT_PROXY_OPTIONS,
  },
]);
if (problems.length > 0) throw new Error(JSON.stringify(problems));
process.stdout.write('ready\n');
