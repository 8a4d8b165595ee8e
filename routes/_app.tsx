/** The document around every page. */
import { define } from "./(_shared)/define.ts";

export default define.page(({ Component, state }) => (
  <html lang="en" data-theme={state.theme ?? undefined}>
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>Twofold</title>
      <link rel="icon" href="/icon.svg" type="image/svg+xml" />
      <link rel="preload" href="/inter.woff2" as="font" type="font/woff2" crossorigin="anonymous" />
      <link rel="stylesheet" href="/style.css" />
      <link rel="stylesheet" href="/parts.css" />
    </head>
    <body>
      <Component />
    </body>
  </html>
));
