// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from 'node:url';
import type { ImageRecipe } from '../kubelet/images.ts';

const inCheckout = (path: string) => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));

/** What the lab's nodes can run: image repository -> how. The peers' names run our programs, as after a swap of images. */
export function defaultImages(node: string = process.execPath): Record<string, ImageRecipe> {
  const agent = [node, inCheckout('packages/agent/dist/agent.js')];
  const cloudProvider = [node, inCheckout('packages/cloud-provider/dist/cloud-provider.js')];
  const agentImage: ImageRecipe = { entrypoint: agent, binaries: { '/kube-vip': agent, 'kube-vip': agent } };
  const providerImage: ImageRecipe = { entrypoint: cloudProvider };
  return {
    'echo-app': { entrypoint: [node, inCheckout('test/lab/src/workloads/echo.ts')] },
    'fairlead/agent': agentImage,
    'ghcr.io/kube-vip/kube-vip': agentImage,
    'fairlead/cloud-provider': providerImage,
    'ghcr.io/kube-vip/kube-vip-cloud-provider': providerImage,
  };
}
