// Made by `npm run types` from the API's description; not to be edited.

export interface paths {
    "/api/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the page needs to know; opening it moves the end of the session away. */
        get: operations["config"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/conversations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List your conversations, or search their titles and messages. */
        get: operations["list"];
        put?: never;
        /** Begin a conversation. */
        post: operations["create"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/conversations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read a conversation. */
        get: operations["read"];
        put?: never;
        post?: never;
        /** Delete a conversation and its messages; a turn under way in it is stopped. */
        delete: operations["delete"];
        options?: never;
        head?: never;
        /** Rename a conversation. */
        patch: operations["rename"];
        trace?: never;
    };
    "/api/conversations/{id}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Say something: the answer is a stream of UI message parts, `data: [DONE]` last. */
        post: operations["send"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/conversations/{id}/runs/{runId}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stop a turn. What it has said so far is kept. */
        post: operations["cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/conversations/{id}/runs/{runId}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Come back to a turn: its stream from the start. With answers, a turn that waits goes on. */
        post: operations["resume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/mcp/headers/seal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Seal static headers for one server. Nothing is sent to it. */
        post: operations["seal"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/mcp/oauth/callback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The redirect URI. For people and their browsers; a program has no business here. */
        get: operations["callback"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/mcp/oauth/discover": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Look at a server: sends nothing secret, registers nothing. With `Accept: text/event-stream` the
         *     steps come while they happen: `{"type":"began"|"step","step"}` for each, then
         *     `{"type":"answer","answer"}` or `{"type":"problem","problem"}`, then `[DONE]`.
         */
        post: operations["discover"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/mcp/oauth/flows/{flowId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Ask how far a sign-in is; with `wait`, as soon as it has ended. */
        get: operations["flow"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/mcp/oauth/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Refresh a connection: a generation newer than the one presented, refreshing only if there is
         *     none yet; with `ifDue`, only if its access token is about to end.
         */
        post: operations["refresh"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/mcp/oauth/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Disconnect: gone here at once, revoked at the authorization server as soon as it can be. */
        post: operations["revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/mcp/oauth/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Begin a sign-in: finds or makes a client registration and sets the flow's cookie. */
        post: operations["start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/mcp/tools": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** List a server's tools. */
        post: operations["list_tools"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/mcp/tools/call": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Call a tool. */
        post: operations["call_tool"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/picture": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Fetch a picture that an answer names, because the person wants to see it. PNG, JPEG, GIF and
         *     WebP, by their content; no redirect is followed and nothing of the person is told.
         */
        post: operations["picture"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/oauth/client-metadata.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Our client metadata document; its `client_id` is the very URL it is published at. */
        get: operations["client_metadata"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @description Whose account to sign in to.
         * @enum {string}
         */
        Account: "another";
        /**
         * @description What the person can do about a problem.
         * @enum {string}
         */
        Action: "retry" | "authorize" | "enter-client" | "ask-admin" | "none";
        /**
         * @description Who must act for a failed operation to work.
         * @enum {string}
         */
        Actor: "you" | "admin" | "vendor" | "nobody";
        /** @description An answer to one thing a turn asks. */
        AnswerRequest: {
            /**
             * @description Authorization: `connect` or `skip`. Approval: `approve` or `deny`. Elicitation: `accept`,
             *     `decline` or `cancel`.
             */
            action: string;
            /** @description What was filled in, where a form was accepted. */
            content?: {
                [key: string]: unknown;
            } | null;
        };
        /** @description A file that comes with a message. */
        AttachmentRequest: {
            /** @description Its content in base64. */
            data: string;
            /** @description Its name. */
            filename: string;
            /** @description Its media type, as the browser guessed it. */
            mediaType?: string;
        };
        /** @description What came of a tool call. */
        CallAnswer: {
            connection?: components["schemas"]["Connection"] | null;
            /** @description The content blocks, as the server sent them. */
            content: unknown[];
            /** @description Whether the tool says that it failed. */
            isError: boolean;
            /** @description The structured result. */
            structuredContent?: unknown;
        };
        /** @description A tool to call. */
        CallRequest: {
            /** @description Its arguments. */
            arguments?: {
                [key: string]: unknown;
            };
            connection?: components["schemas"]["Connection"] | null;
            /** @description Headers to send to it. */
            headers?: {
                [key: string]: string;
            };
            /** @description The tool's name at its server. */
            name: string;
            /** @description Headers to send to it, as `/api/mcp/headers/seal` gave them. */
            sealedHeaders?: string | null;
            /** @description The server's MCP endpoint. */
            url: string;
        };
        /** @description This installation. */
        ConfigAnswer: {
            /** @description What it can do. */
            features: components["schemas"]["Features"];
            /** @description What a message may hold. */
            limits: components["schemas"]["MessageLimits"];
            /** @description What is wrong with the model endpoint, if something is. */
            modelProblem?: string | null;
            /** @description The models on offer. */
            models: components["schemas"]["ModelAnswer"][];
            /** @description Where people open it. */
            publicUrl: string;
            /** @description The redirect URI to register where a client has to be registered by hand. */
            redirectUri: string;
            /** @description Servers that it offers to everyone. */
            servers: components["schemas"]["ServerAnswer"][];
            /** @description Its version. */
            version: string;
        };
        /** @description A connection as the page keeps it. Only `sealed` is believed; the rest is to be shown. */
        Connection: {
            /**
             * Format: int64
             * @description When its access token ends, in Unix milliseconds; `null` if unknown.
             */
            expiresAt?: number | null;
            /**
             * Format: int64
             * @description Its version: each refresh makes the next.
             */
            generation: number;
            /** @description Which connection. */
            id: string;
            /** @description The authorization server it is from. */
            issuer: string;
            /** @description Whether it can be refreshed. */
            refreshable: boolean;
            /** @description `preregistered`, `metadata-document`, `dynamic` or `manual`. */
            registration: components["schemas"]["RegistrationKind"];
            /** @description The resource it is for. */
            resource: string;
            /** @description What it allows. */
            scopes: string[];
            /** @description The connection itself, which only this installation can open, and only for its owner. */
            sealed: string;
        };
        /** @description A connection, as the page keeps it. */
        ConnectionBody: {
            /** @description The connection. */
            connection: components["schemas"]["Connection"];
        };
        /** @description A conversation. */
        Conversation: {
            /**
             * Format: int64
             * @description When it was begun, in Unix milliseconds.
             */
            createdAt: number;
            /** @description Its id. */
            id: string;
            /** @description What it is called. */
            title: string;
            /**
             * Format: int64
             * @description When it last changed, in Unix milliseconds.
             */
            updatedAt: number;
        };
        /** @description A conversation with its messages. */
        ConversationAnswer: components["schemas"]["Conversation"] & {
            /** @description The first one first. */
            messages: components["schemas"]["Message"][];
            run?: components["schemas"]["RunState"] | null;
            /** @description The turn under way, to come back to. */
            runId?: string | null;
        };
        /** @description An owner's conversations. */
        ConversationsAnswer: {
            /** @description The one that changed last comes first. */
            conversations: components["schemas"]["Found"][];
        };
        /** @description What the server asks for. */
        DiscoverAnswer: components["schemas"]["ProtectedAnswer"] | components["schemas"]["OpenAnswer"];
        /** @description Which server to look at. */
        DiscoverRequest: {
            /** @description The MCP server's URL. */
            url: string;
        };
        /** @description What this installation can do. */
        Features: {
            /** @description Whether there is a model to chat with. */
            chat: boolean;
            /** @description Whether conversations are kept. */
            conversations: boolean;
            /** @description Whether the demo runs here. */
            demo: boolean;
            /** @description Whether servers on this very machine can be reached. */
            loopbackServers: boolean;
        };
        /** @description How far a flow is. */
        FlowAnswer: {
            connection?: components["schemas"]["Connection"] | null;
            problem?: components["schemas"]["Problem"] | null;
            /** @description `pending`, `authorized` or `failed`. */
            status: string;
        };
        /** @description A conversation in a list. */
        Found: components["schemas"]["Conversation"] & {
            /** @description The words around the newest place that a search found; absent if only the title has them. */
            excerpt?: string | null;
        };
        /** @description A message, in parts as the AI SDK's UI messages have them. */
        Message: {
            /**
             * Format: int64
             * @description When it was begun, in Unix milliseconds.
             */
            createdAt: number;
            /** @description Its id. */
            id: string;
            /** @description The model that wrote it. */
            model?: string | null;
            /** @description What it says and did. */
            parts: unknown[];
            /** @description `user` or `assistant`. */
            role: string;
        };
        /** @description What a message may hold. */
        MessageLimits: {
            /** @description Most bytes of its pictures. */
            attachmentBytes: number;
            /** @description Most files. */
            attachments: number;
            /** @description Most bytes of its text, text files included. */
            messageBytes: number;
        };
        /** @description A message to answer. */
        MessageRequest: {
            /** @description The files that come with it. */
            attachments?: components["schemas"]["AttachmentRequest"][];
            /** @description The model that is to answer. */
            model: string;
            /** @description The message whose place it takes: that one and everything after it are removed. */
            replaces?: string | null;
            /** @description The servers whose tools it may call. */
            servers?: components["schemas"]["ServerRequest"][];
            /** @description What the person says. */
            text: string;
        };
        /**
         * @description How a person is sent to the authorization server and comes back.
         * @enum {string}
         */
        Mode: "popup" | "redirect";
        /** @description A model on offer. */
        ModelAnswer: {
            /** @description What may be attached to a message for it: `text`, `image`. */
            attachments: string[];
            /** @description Whether it is the demo's rule-based one, which is no LLM. */
            demo?: boolean;
            /** @description Its id. */
            id: string;
            /** @description Its name for people. */
            label: string;
        };
        /** @description A server that asks for no sign-in. */
        OpenAnswer: {
            /**
             * Format: int32
             * @description The status that the server answered the probe with.
             */
            probeStatus: number;
            /** @description What was tried. */
            report: components["schemas"]["Report"];
            /** @enum {boolean} */
            requiresAuth: false;
        };
        /** @description Which picture. */
        PictureRequest: {
            /** @description Its https URL. */
            url: string;
        };
        /** @description A problem as it is sent: `application/problem+json`. */
        Problem: {
            /** @description What the person can do. */
            action: components["schemas"]["Action"];
            /** @description What happened, for people. */
            detail: string;
            report?: components["schemas"]["Report"] | null;
            /**
             * Format: int32
             * @description The HTTP status.
             */
            status: number;
            /** @description The kind of problem in a few words. */
            title: string;
            /** @description `/problems/<slug>`; stable, and a page for people. */
            type: string;
        };
        /** @description A server that asks for a sign-in. */
        ProtectedAnswer: {
            /** @description Every authorization server that the server names. */
            authorizationServers: string[];
            /**
             * @description Those of them that are on another site than the server, or whose sign-in page or token
             *     endpoint is: worth a second look before a password is typed there.
             */
            foreign: string[];
            /** @description The authorization server that is used unless another is chosen. */
            issuer: string;
            /** @description The redirect URI to register by hand, where that is needed. */
            redirectUri: string;
            /**
             * @description How a client id is come by: `preregistered`, `metadata-document`, `dynamic`, or
             *     `client-required` where a person must enter one.
             */
            registration: components["schemas"]["Rung"];
            /** @description What was tried. */
            report: components["schemas"]["Report"];
            /** @enum {boolean} */
            requiresAuth: true;
            /** @description The resource identifier (RFC 8707), byte for byte as published. */
            resource: string;
            /** @description The scopes that will be asked for. */
            scopes: string[];
        };
        /** @description A connection to refresh. */
        RefreshRequest: {
            /** @description The connection. */
            connection: components["schemas"]["Connection"];
            /** @description Only if its access token is about to end, by this server's clock: a page's may be wrong. */
            ifDue?: boolean;
        };
        /**
         * @description How a dynamic registration is come by.
         * @enum {string}
         */
        Registering: "new";
        /**
         * @description Where a connection's client id is from.
         * @enum {string}
         */
        RegistrationKind: "preregistered" | "metadata-document" | "dynamic" | "manual";
        /** @description The steps of a discovery, a flow or a refresh. */
        Report: {
            actor?: components["schemas"]["Actor"] | null;
            /** @description What happened, in order. */
            steps: components["schemas"]["Step"][];
            /** @description The cause in one sentence. */
            summary?: string | null;
        };
        /** @description What a person brings to a turn: nothing, to hear it again; or answers to what it asks. */
        ResumeRequest: {
            /** @description The answers, by `askId`. */
            answers?: {
                [key: string]: components["schemas"]["AnswerRequest"];
            };
            /**
             * @description The servers whose tools may be called, with their connections as they are now. Nothing of
             *     it is kept while a turn waits.
             */
            servers?: components["schemas"]["ServerRequest"][];
        };
        /** @description What became of a connection's tokens. */
        RevokeAnswer: {
            /** @description What the person should know. */
            reason?: string | null;
            /** @description Whether the authorization server has revoked them. Here the connection is gone in any case. */
            revoked: boolean;
        };
        /**
         * @description How a client id is come by.
         * @enum {string}
         */
        Rung: "preregistered" | "metadata-document" | "dynamic" | "client-required";
        /** @description A turn that is not over. */
        RunState: {
            /** @description Its id. */
            id: string;
            /** @description `running`, or `waiting` for answers. */
            state: string;
        };
        /** @description Sealed headers. */
        SealAnswer: {
            /**
             * @description To be sent as `sealedHeaders` with calls to this very server. Only this installation can
             *     open it, and only for this browser; the values are never shown again.
             */
            sealedHeaders: string;
        };
        /** @description Headers to seal. */
        SealRequest: {
            /** @description Names and values. */
            headers: {
                [key: string]: string;
            };
            /** @description The MCP server they are for. */
            url: string;
        };
        /** @description A server on offer. */
        ServerAnswer: {
            /** @description One line about it. */
            description?: string | null;
            /** @description Its name. */
            name: string;
            /** @description Its MCP endpoint. */
            url: string;
        };
        /** @description Who a server says it is. */
        ServerName: {
            /** @description Its name. */
            name: string;
            /** @description Its name for people. */
            title?: string | null;
            /** @description Its version. */
            version: string;
        };
        /** @description A server of a request. */
        ServerRequest: {
            connection?: components["schemas"]["Connection"] | null;
            /** @description Headers to send to it, such as an API key. */
            headers?: {
                [key: string]: string;
            };
            /** @description The name the person gave it. */
            name?: string;
            /** @description Headers to send to it, as `/api/mcp/headers/seal` gave them. */
            sealedHeaders?: string | null;
            /**
             * @description What the person decided about its tools, by their names. Those not named are asked for
             *     where the server says that they may destroy something, and called otherwise.
             */
            tools?: {
                [key: string]: components["schemas"]["ToolRule"];
            };
            /** @description Its MCP endpoint. */
            url: string;
        };
        /** @description Where to send the person. */
        StartAnswer: {
            /** @description The authorization server's page. */
            authorizationUrl: string;
            /**
             * Format: int64
             * @description When the flow ends, in Unix milliseconds.
             */
            expiresAt: number;
            /** @description The flow, to ask for its result. */
            flowId: string;
        };
        /** @description What to sign in to, and how. */
        StartRequest: {
            account?: components["schemas"]["Account"] | null;
            client?: components["schemas"]["TypedClient"] | null;
            connection?: components["schemas"]["Connection"] | null;
            /** @description One of the authorization servers it names; the first that works if absent. */
            issuer?: string | null;
            /** @description Popup or full page. */
            mode: components["schemas"]["Mode"];
            registration?: components["schemas"]["Registering"] | null;
            /** @description In redirect mode, the path on this origin to come back to. */
            returnTo?: string | null;
            /** @description Scopes to ask for instead of those the server names; those of `connection` are kept. */
            scopes?: string[] | null;
            /** @description The MCP server's URL. */
            url: string;
        };
        /** @description One step of a report. */
        Step: {
            /**
             * Format: int64
             * @description How long it took, in milliseconds.
             */
            millis: number;
            /** @description What the step was for. */
            name: string;
            /** @description What was noticed. */
            note?: string | null;
            /** @description Method and URL, without query values. */
            request?: string | null;
            /** @description The rule that was applied, with the document it is from. */
            rule: string;
            /**
             * Format: int32
             * @description The response's status.
             */
            status?: number | null;
            /** @description `ok`, `miss`, `failed` or `info`. */
            verdict: components["schemas"]["Verdict"];
        };
        /** @description A conversation to begin, or its new title. */
        TitleRequest: {
            /** @description What it is called; its first message's words if absent. */
            title?: string | null;
        };
        /** @description A tool as its server describes it: data from outside, to be shown and not believed. */
        Tool: {
            /** @description Hints about its behaviour. */
            annotations?: unknown;
            /** @description What tells this definition of the tool from another, to remember a decision with. */
            definition: string;
            /** @description What it does. */
            description?: string | null;
            /** @description The JSON schema of its arguments. */
            inputSchema: unknown;
            /** @description Its name at its server. */
            name: string;
            /** @description Its name for people. */
            title?: string | null;
        };
        /**
         * @description What may be done with a tool.
         * @enum {string}
         */
        ToolPolicy: "always" | "ask" | "never" | "off";
        /** @description A decision about a tool. */
        ToolRule: components["schemas"]["ToolPolicy"] | {
            /** @description The definition that it was decided for, as a list of tools or an ask names it. */
            definition?: string | null;
            /** @description What was decided. */
            policy: components["schemas"]["ToolPolicy"];
        };
        /** @description A server's tools. */
        ToolsAnswer: {
            connection?: components["schemas"]["Connection"] | null;
            /** @description What was left out, and why. */
            notes?: string[];
            /** @description The revision of MCP that it speaks. */
            protocolVersion: string;
            /** @description Who the server says it is. */
            server: components["schemas"]["ServerName"];
            /** @description Its tools. */
            tools: components["schemas"]["Tool"][];
        };
        /** @description A client that somebody registered by hand. */
        TypedClient: {
            clientId?: string | null;
            clientSecret?: string | null;
        };
        /**
         * @description How a step went.
         * @enum {string}
         */
        Verdict: "ok" | "miss" | "failed" | "info";
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    config: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConfigAnswer"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list: {
        parameters: {
            query?: {
                /** @description Words that a title, or one message, must have; at most 50 conversations are found. */
                q?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConversationsAnswer"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TitleRequest"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Conversation"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    read: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The conversation */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConversationAnswer"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The conversation */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    rename: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The conversation */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TitleRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Conversation"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    send: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The conversation */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MessageRequest"];
            };
        };
        responses: {
            /** @description Server-sent events, AI SDK UI message stream v1 */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": unknown;
                };
            };
            /** @description `turn-in-progress` */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cancel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The conversation */
                id: string;
                /** @description The turn */
                runId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    resume: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The conversation */
                id: string;
                /** @description The turn */
                runId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ResumeRequest"];
            };
        };
        responses: {
            /** @description Server-sent events, AI SDK UI message stream v1 */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": unknown;
                };
            };
            /** @description Handed over to where the turn runs: its stream there goes on */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-answer`: the turn goes on waiting */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description `run-not-found` */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description `turn-in-progress`: another part of it is under way elsewhere */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    seal: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SealRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SealAnswer"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    callback: {
        parameters: {
            query?: {
                /** @description RFC 6749 §4.1.2 */
                code?: string;
                /** @description RFC 6749 §4.1.2.1 */
                error?: string;
                /** @description RFC 9207 */
                iss?: string;
                /** @description RFC 6749 §4.1.2 */
                state?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A small page that says how it went */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": unknown;
                };
            };
            /** @description Back to `returnTo`, with `#flow=<flowId>` */
            303: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    discover: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DiscoverRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DiscoverAnswer"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    flow: {
        parameters: {
            query?: {
                /** @description Seconds to wait for the flow to end, at most 30. */
                wait?: number | null;
            };
            header?: never;
            path: {
                /** @description The flow */
                flowId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FlowAnswer"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    refresh: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RefreshRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectionBody"];
                };
            };
            /** @description `reauthorize`: the authorization server ended it */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description `temporarily-unavailable`: it is kept, try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revoke: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConnectionBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RevokeAnswer"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    start: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StartRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StartAnswer"];
                };
            };
            /** @description `client-required`, with `issuer` and `redirectUri` */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_tools: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ServerRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ToolsAnswer"];
                };
            };
            /** @description `authorization-required` or `reauthorize` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    call_tool: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CallRequest"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CallAnswer"];
                };
            };
            /** @description `authorization-required` or `reauthorize` */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            /** @description `scope-required`, with `scopes` */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Problem"];
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    picture: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PictureRequest"];
            };
        };
        responses: {
            /** @description The picture */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "image/*": unknown;
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    client_metadata: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The document */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": unknown;
                };
            };
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
