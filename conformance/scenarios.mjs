// The scenarios that apply to the demo, by revision. It offers tools and no resources, prompts,
// completion, logging, sampling, elicitation or tasks, so the scenarios of those do not apply.

/** Run together: the grant uses the metadata. */
export const authorizationScenarios = ['authorization-server-metadata-endpoint', 'authorization-code-grant'];

const tools = [
  'tools-list',
  'tools-call-simple-text',
  'tools-call-image',
  'tools-call-audio',
  'tools-call-embedded-resource',
  'tools-call-mixed-content',
  'tools-call-error',
  'tools-call-with-progress',
  'json-schema-2020-12',
];

/** Checks inside scenarios that apply which are about something the demo does not offer. */
export const notOffered = {
  caching: [
    // Prompts and resources.
    'sep-2549-prompts-list-caching-hints',
    'sep-2549-resources-list-caching-hints',
    'sep-2549-resources-templates-list-caching-hints',
  ],
};

export const serverScenarios = {
  '2025-11-25': [
    'server-initialize',
    'server-session-lifecycle',
    'ping',
    ...tools,
    'server-sse-multiple-streams',
    'dns-rebinding-protection',
  ],
  '2026-07-28': [
    'server-stateless',
    ...tools,
    'server-sse-multiple-streams',
    'dns-rebinding-protection',
    'caching',
    'http-header-validation',
    'http-custom-header-server-validation',
  ],
};
