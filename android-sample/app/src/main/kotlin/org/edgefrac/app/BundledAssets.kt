package org.edgefrac.app

import android.content.res.AssetManager
import org.edgefrac.core.AssetSource
import java.io.InputStream

/** What `edgefrac bundle --app` wrote into the app's assets. */
class BundledAssets(private val assets: AssetManager) : AssetSource {
    override fun open(path: String): InputStream = assets.open(inside(path))

    companion object {
        /** Where a file of the bundle lies among the assets. */
        fun inside(path: String): String = "edgefrac/$path"
    }
}
