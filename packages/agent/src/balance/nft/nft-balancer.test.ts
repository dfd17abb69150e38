// SPDX-License-Identifier: Apache-2.0
import { silentLogger } from '@fairlead/shared/runtime/logging.ts';
import { expect, it } from 'vitest';
import { backendOf, frontendOf, modelOf } from '../testing/frontends.ts';
import { createNftBalancer } from './nft-balancer.ts';

const frontend = frontendOf('172.18.0.200', [backendOf('10.244.1.2')]);
const model = modelOf(frontend);

it('starts over after a script that failed, because it cannot know what the kernel has', async () => {
  const scripts: string[] = [];
  let fails = false;
  const nft = (script: string) => {
    scripts.push(script);
    return fails ? Promise.reject(new Error('nft refused')) : Promise.resolve();
  };
  const balancer = await createNftBalancer({
    logger: silentLogger,
    nft,
    conntrack: { forget: () => undefined },
  });
  fails = true;
  await expect(balancer.apply(model)).rejects.toThrow('nft refused');
  fails = false;
  await balancer.apply(model);
  expect(scripts).toHaveLength(3);
  expect(scripts[2]).toContain('delete table ip fairlead');
  expect(scripts[2]).toContain('172.18.0.200');
  await balancer.apply(model);
  expect(scripts).toHaveLength(3);
});

it('takes a script that still runs for no interference, and looks only after it', async () => {
  const scripts: string[] = [];
  const gate = Promise.withResolvers<void>();
  const nft = async (script: string) => {
    scripts.push(script);
    if (scripts.length === 2) await gate.promise;
  };
  const balancer = await createNftBalancer({
    logger: silentLogger,
    nft,
    conntrack: { forget: () => undefined },
  });
  const applying = balancer.apply(model);
  const clearing = balancer.apply({ frontends: new Map(), problems: new Map() });
  await Promise.resolve();
  expect(scripts).toHaveLength(2);
  gate.resolve();
  await Promise.all([applying, clearing]);
  expect(scripts).toHaveLength(3);
  // The last word is a change to what the one before it left, not a rebuild beside it.
  expect(scripts[2]).not.toContain('delete table');
});
