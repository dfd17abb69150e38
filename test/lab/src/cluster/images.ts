// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from 'node:url';
import type { ImageRecipe } from '../kubelet/images.ts';

const inCheckout = (path: string) => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));

/**
 * Our agent, made so that SIGUSR2 stalls its main thread for that long and SIGWINCH exhausts its heap. `nodeArgs` go to
 * the runtime, e.g. a limit of the heap.
 */
export function fragileAgent(stallMs: number, nodeArgs: readonly string[] = []): Record<string, ImageRecipe> {
  const preload = inCheckout('test/lab/src/workloads/fail-on-signal.ts');
  const agent = [
    process.execPath,
    ...nodeArgs,
    '--import',
    preload,
    inCheckout('packages/agent/dist/agent.js'),
  ];
  return { 'fairlead/agent': { entrypoint: agent, env: { LAB_STALL_MS: String(stallMs) } } };
}

/**
 * How the agent's image calls its runtime: a small young generation, a heap that is collected when there is nothing to do,
 * without helper threads (they cost an agent at rest more than they help it), and one arena for the C library. Half the memory
 * that Node.js takes otherwise (bench at-rest).
 */
const FRUGAL_ARGS = ['--max-semi-space-size=1', '--single-threaded-gc', '--expose-gc'];
const FRUGAL_ENV = { MALLOC_ARENA_MAX: '1' };

/** What the lab's nodes can run: image repository -> how. The peers' names run our programs, as after a swap of images. */
export function defaultImages(node: string = process.execPath): Record<string, ImageRecipe> {
  const agent = [node, ...FRUGAL_ARGS, inCheckout('packages/agent/dist/agent.js')];
  const cloudProvider = [node, inCheckout('packages/cloud-provider/dist/cloud-provider.js')];
  const agentImage: ImageRecipe = {
    entrypoint: agent,
    env: FRUGAL_ENV,
    binaries: { '/kube-vip': agent, 'kube-vip': agent },
  };
  const starboardImage: ImageRecipe = { ...agentImage, cmd: ['starboard'] };
  const providerImage: ImageRecipe = { entrypoint: cloudProvider };
  return {
    'echo-app': { entrypoint: [node, inCheckout('test/lab/src/workloads/echo.ts')] },
    'fairlead/agent': agentImage,
    'ghcr.io/kube-vip/kube-vip': agentImage,
    'fairlead/starboard': starboardImage,
    'plndr/starboard': starboardImage,
    'fairlead/cloud-provider': providerImage,
    'ghcr.io/kube-vip/kube-vip-cloud-provider': providerImage,
  };
}
