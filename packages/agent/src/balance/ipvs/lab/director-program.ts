// SPDX-License-Identifier: Apache-2.0
/**
 * Lab program: the data plane of one host, IPVS, or the one that the first argument names. Applies front ends as told on standard
 * input, each line one command.
 */
import { createInterface } from 'node:readline';
import { createLogger } from '@fairlead/shared/runtime/logging.ts';
import { listLinks } from '../../../system/links.ts';
import { createBalancer } from '../../create-balancer.ts';
import type { Frontend } from '../../model/frontend.ts';
import { modelOf } from '../../testing/frontends.ts';

/** What it is told; it answers with an {@link DirectorAnswer}. */
export type DirectorOrder =
  | { readonly apply: readonly Frontend[]; readonly node?: string }
  | { readonly verify: true }
  | { readonly stop: true };

/** What became of it. */
export interface DirectorAnswer {
  readonly error?: string;
  /** Of `verify`. */
  readonly wasRepaired?: boolean;
  /** Of `apply`. */
  readonly problems?: readonly string[];
}

const logger = createLogger({ name: 'director', level: 'error' });

try {
  const [plane = 'ipvs'] = process.argv.slice(2);
  const balancer = await createBalancer(plane === 'none' ? 'none' : 'ipvs', logger);
  const obey = async (order: DirectorOrder): Promise<DirectorAnswer> => {
    if ('verify' in order) return { wasRepaired: await balancer.verify() };
    if ('stop' in order) {
      await balancer.stop();
      return {};
    }
    const surroundings = {
      node: order.node ?? '',
      links: await listLinks(),
      linkOf: () => undefined,
      addressesOf: () => [],
    };
    const model = balancer.resolve?.(modelOf(...order.apply), surroundings) ?? modelOf(...order.apply);
    await balancer.apply(model);
    const problems = [...model.problems.values(), ...(balancer.problems?.().values() ?? [])];
    return { problems: problems.flatMap((all) => all.map(({ message }) => message)) };
  };
  process.stdout.write('ready\n');
  for await (const line of createInterface({ input: process.stdin })) {
    const answer = await obey(JSON.parse(line) as DirectorOrder).catch((error: Error) => ({
      error: error.message,
    }));
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
}
