// SPDX-License-Identifier: Apache-2.0
import type { ConnectOptions, KubeClient } from './client.ts';
import { findAccess } from './credentials.ts';
import { HttpKubeClient } from './http-client.ts';

/**
 * Reads the configuration and makes a client; does not contact the server yet.
 *
 * @throws Error when the configuration is missing or wrong
 */
export async function connect(options: ConnectOptions): Promise<KubeClient> {
  return new HttpKubeClient(await findAccess(options), options);
}
