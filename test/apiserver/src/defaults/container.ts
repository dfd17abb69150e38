// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type JsonObject, stringOf } from '../api/objects.ts';
import { changeItems, changeObject, withDefaults } from './merge.ts';

const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'];
const PROBE = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };

/** Defaults of a container of any sort. */
export function defaultContainer(container: JsonObject): JsonObject {
  let result = withDefaults(container, {
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: pullPolicyFor(stringOf(container.image)),
  });
  result = changeItems(result, 'ports', (port) => withDefaults(port, { protocol: 'TCP' }));
  result = changeItems(result, 'env', defaultEnvironment);
  for (const name of PROBES) {
    result = changeObject(result, name, (probe) => defaultHandler(withDefaults(probe, PROBE)));
  }
  return changeObject(result, 'lifecycle', (lifecycle) =>
    changeObject(changeObject(lifecycle, 'postStart', defaultHandler), 'preStop', defaultHandler),
  );
}

/** `latest` is pulled always, a named version once. */
function pullPolicyFor(image: string): string {
  const last = image.slice(image.lastIndexOf('/') + 1);
  if (last.includes('@')) return 'IfNotPresent';
  const colon = last.indexOf(':');
  return colon < 0 || last.slice(colon + 1) === 'latest' ? 'Always' : 'IfNotPresent';
}

function defaultEnvironment(variable: JsonObject): JsonObject {
  return changeObject(variable, 'valueFrom', (source) =>
    changeObject(source, 'fieldRef', (field) => withDefaults(field, { apiVersion: 'v1' })),
  );
}

function defaultHandler(handler: JsonObject): JsonObject {
  const withHttp = changeObject(handler, 'httpGet', (get) =>
    withDefaults(get, { path: '/', scheme: 'HTTP' }),
  );
  return changeObject(withHttp, 'grpc', (grpc) => withDefaults(grpc, { service: '' }));
}

/** Sources that a volume can have; without any it is an empty directory. */
const MODES = ['configMap', 'secret', 'projected', 'downwardAPI'];
const DEFAULT_MODE = 0o644;
const TOKEN_SECONDS = 3600;

/** Defaults of a volume. */
export function defaultVolume(volume: JsonObject): JsonObject {
  const hasSource = Object.entries(volume).some(([key, value]) => key !== 'name' && isJsonObject(value));
  let result: JsonObject = hasSource ? volume : { ...volume, emptyDir: {} };
  for (const name of MODES) {
    result = changeObject(result, name, (source) => withDefaults(source, { defaultMode: DEFAULT_MODE }));
  }
  result = changeObject(result, 'hostPath', (source) => withDefaults(source, { type: '' }));
  result = changeObject(result, 'downwardAPI', defaultDownwardApi);
  return changeObject(result, 'projected', (projected) =>
    changeItems(projected, 'sources', (source) =>
      changeObject(changeObject(source, 'downwardAPI', defaultDownwardApi), 'serviceAccountToken', (token) =>
        withDefaults(token, { expirationSeconds: TOKEN_SECONDS }),
      ),
    ),
  );
}

function defaultDownwardApi(source: JsonObject): JsonObject {
  return changeItems(source, 'items', (item) =>
    changeObject(item, 'fieldRef', (field) => withDefaults(field, { apiVersion: 'v1' })),
  );
}
