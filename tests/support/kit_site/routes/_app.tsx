import { createDefine } from "fresh";

export default createDefine<{ user: string }>().page(({ Component, state }) => (
  <html lang="en">
    <head>
      <title>Site</title>
      <link rel="icon" href="/icon.svg" />
      <link rel="stylesheet" href="/site.css" />
    </head>
    <body data-user={state.user}>
      <Component />
    </body>
  </html>
));
