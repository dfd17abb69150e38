// SPDX-License-Identifier: Apache-2.0
import { writeFile } from 'node:fs/promises';
import { GROUPS } from './cases/index.ts';
import { startRealControlPlane } from './real-control-plane.ts';
import { recordingFile, recordingLine } from './recordings.ts';
import { runCase } from './run.ts';

/*
 * Records what a real API server answers to the conformance cases:
 *
 *   KUBEBUILDER_ASSETS=<folder with kube-apiserver and etcd> node test/apiserver/src/conformance/record.ts
 *
 * The recordings are committed, so that the embedded server is held to them on machines without a real one.
 */

const assets = process.env.KUBEBUILDER_ASSETS;
if (assets === undefined || assets === '') {
  throw new Error('KUBEBUILDER_ASSETS is not set: expected a folder that holds kube-apiserver and etcd');
}
const real = await startRealControlPlane(assets);
try {
  for (const [group, cases] of Object.entries(GROUPS)) {
    const lines: string[] = [];
    for (const test of cases) {
      const answers = await runCase(real.caller, test);
      lines.push(recordingLine(test.name, answers));
    }
    await writeFile(recordingFile(group), `${lines.join('\n')}\n`);
    console.log(`${group}: ${cases.length} cases`);
  }
} finally {
  await real.stop();
}
