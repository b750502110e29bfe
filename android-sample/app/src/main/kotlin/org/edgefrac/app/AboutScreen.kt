package org.edgefrac.app

import android.app.Activity
import android.webkit.WebView
import android.widget.Button
import android.widget.TextView
import org.edgefrac.core.AppAssets

/** "About this model": what the self-test found on this phone, the model card and the certificate. */
class AboutScreen(private val activity: Activity, private val words: Words) {
    private var certified: AppAssets? = null

    fun show(state: State) {
        val setup = state.setup
        text(R.id.trials).text = when {
            setup != null -> (listOf(activity.getString(R.string.self_test_phone)) + setup.choice.trials.map(words::trial)).joinToString("\n\n")
            state.busy -> activity.getString(R.string.preparing)
            else -> activity.getString(R.string.broken, state.problem)
        }
        activity.findViewById<Button>(R.id.test_again).isEnabled = !state.busy
        if (setup != null && certified !== setup.assets) describe(setup.assets)
    }

    private fun describe(assets: AppAssets) {
        certified = assets
        val contract = assets.contract
        text(R.id.model).text =
            activity.getString(R.string.model_line, contract.name, contract.version, contract.architecture, contract.precision) + "\n" + contract.intendedUse
        text(R.id.card).text = assets.text(AppAssets.MODEL_CARD)
        val page = activity.findViewById<WebView>(R.id.certificate)
        page.settings.javaScriptEnabled = false
        page.settings.blockNetworkLoads = true
        page.loadDataWithBaseURL(null, assets.text(AppAssets.CERTIFICATE_PAGE), "text/html", "utf-8", null)
    }

    private fun text(id: Int): TextView = activity.findViewById(id)
}
